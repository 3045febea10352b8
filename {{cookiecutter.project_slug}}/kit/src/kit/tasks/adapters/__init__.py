"""The engines' adapters: `TASKS_ENGINE` names a module here, which has a class `Engine`."""
