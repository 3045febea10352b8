"""The options of the plugin, and what it changes in pytest."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from kit.testing import environment


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what the suite runs on; postgresql is started privately (or TEST_DATABASE_URL)",
    )
    parser.addoption(
        "--require-services",
        action="store_true",
        help="run folders named services too; fail where a server or a browser is missing",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set the environment before any conftest can read the settings.

    The processes of pytest-xdist load `-p` plugins after the conftests, but those of the variable
    PYTEST_PLUGINS before them.
    """
    os.environ["PYTEST_PLUGINS"] = "kit.testing"
    environment.prepare(early_config.known_args_namespace.database)
    # Of two plugins' fixtures the later wins: this one's `anyio_backend` over that of anyio.
    early_config.pluginmanager.import_plugin("kit.testing.fixtures")


def pytest_configure(config: pytest.Config) -> None:
    marker = "service: needs a real server or a browser, started privately by a fixture"
    config.addinivalue_line("markers", marker)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders named `services`, unless named or required: they take minutes."""
    if collection_path.name != "services" or config.getoption("--require-services"):
        return None
    paths = (Path(argument.partition("::")[0]) for argument in config.args)
    return None if any("services" in path.parts for path in paths) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests first: one process of pytest-xdist gets them all, as it hands out from there.

    Stable, so tests of a module stay together.
    """
    items.sort(key=lambda item: "open_browser" not in getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a skipped test as failed if services are required."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and item.config.getoption("--require-services"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which --require-services forbids: {report.longrepr}"
    return report
