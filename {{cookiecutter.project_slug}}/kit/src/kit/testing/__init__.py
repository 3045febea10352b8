"""A pytest plugin: what the tests of an application need.

`pyproject.toml` loads it (`addopts = ["-p", "kit.testing"]`). It sets the environment variables
before anything reads the settings, also in the processes of pytest-xdist.

Fixtures for every test:
    client        an HTTP client of the running application
    session       a database session
    mailbox       the e-mails that were sent during the test
    run_jobs      runs the jobs that are due now
    database      the tables, made by the migrations (once per run)
    clean         empties the tables after each test (automatic)
    anyio_backend asyncio: async tests and fixtures share one event loop

Fixtures for tests with real processes and servers, which are private to the run:
    manage        starts `manage worker`, `serve` and so on, and kills them at the end
    postgresql, redis, rabbitmq, smtp
                  servers that a test may kill, restart and cut off
    use           selects an engine and a broker, here and for `manage`
    live_server   the application behind a port, with a database of its own
    chromium, open_browser
                  the system's Chromium, and windows in it

Options:
    --database=postgresql   run on a private PostgreSQL, or on TEST_DATABASE_URL
    --require-services      run folders named `services` too, and fail instead of skipping

Without --require-services a test is skipped, with the reason, if its server is not installed, and
a folder `services` is run only if the command line names it: such tests take minutes.

To import: the types of these fixtures (`from kit.testing import Mailbox`), and functions.
    until                 awaits a condition
    run_manage            runs a command to its end, in a process
    every_email, sample, unsupported, too_faint, too_faint_in_the_dark
                          what e-mails look like with their sample data
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit.testing.appearance import (
        every_email,
        sample,
        too_faint,
        too_faint_in_the_dark,
        unsupported,
    )
    from kit.testing.browser import LiveServer, OpenBrowser
    from kit.testing.forked import Finished, run_manage
    from kit.testing.mailbox import HasEmail, Mail, Mailbox
    from kit.testing.processes import Command, Manage
    from kit.testing.servers import PostgreSQL, RabbitMQ, Redis, Server
    from kit.testing.services import UseEngine
    from kit.testing.smtp import SmtpSink
    from kit.testing.waiting import until

__all__ = [
    "Command",
    "Finished",
    "HasEmail",
    "LiveServer",
    "Mail",
    "Mailbox",
    "Manage",
    "OpenBrowser",
    "PostgreSQL",
    "RabbitMQ",
    "Redis",
    "Server",
    "SmtpSink",
    "UseEngine",
    "every_email",
    "run_manage",
    "sample",
    "too_faint",
    "too_faint_in_the_dark",
    "unsupported",
    "until",
]

pytest_plugins = [f"{__name__}.{name}" for name in ("plugin", "services", "browser")]

_MODULES = {
    "appearance": ["every_email", "sample", "too_faint", "too_faint_in_the_dark", "unsupported"],
    "browser": ["LiveServer", "OpenBrowser"],
    "forked": ["Finished", "run_manage"],
    "mailbox": ["HasEmail", "Mail", "Mailbox"],
    "processes": ["Command", "Manage"],
    "servers": ["PostgreSQL", "RabbitMQ", "Redis", "Server"],
    "services": ["UseEngine"],
    "smtp": ["SmtpSink"],
    "waiting": ["until"],
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The names of `__all__`, imported at first use: pytest imports this before all else."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
