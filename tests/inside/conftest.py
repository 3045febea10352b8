"""Fixtures come from kit.testing; accounts from the project's own tests."""

import os
from pathlib import Path

import pytest

# The processes that tests start find this package, too.
_paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _paths))


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave everything out where pytest runs without a project, as for the template itself."""
    return None if config.pluginmanager.has_plugin("kit.testing") else True
