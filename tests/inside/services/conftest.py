"""Commands that know the tasks of these tests, and the report of the storms."""

import sys
from importlib.util import find_spec

import pytest
from kit.testing import Manage

ENGINES = ("celery", "dramatiq", "rq")

collect_ignore = [f"test_{engine}.py" for engine in ENGINES if not find_spec(engine)]


@pytest.fixture
def manage(manage: Manage) -> Manage:
    """The commands of the project, which have imported the tasks of these tests."""
    manage.program = [sys.executable, "-m", "inside.services.manage"]
    return manage


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the counts of the storms, also when they pass."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "storm":
                terminalreporter.write_line(f"{value}")
