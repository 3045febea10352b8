"""Celery, where its own commands look for it: `celery -A app worker|beat|inspect|flower`.

Every @task of `app` and kit is registered. Your own configuration and Celery tasks belong here:

    app.conf.update(worker_max_tasks_per_child=1000)
"""

from kit.celery import celery_app as app

__all__ = ["app"]
