"""Measures what the template promises about speed, and prints one table.

    make bench                               all of it; a few minutes on an idle machine
    make bench ARGS="--only healthz memory"
    make bench ARGS="--quick --skip-suite"   fewer repetitions: a first look, no figures to quote
    make bench ARGS=--markdown               the table as the README has it

Most figures are medians of several rounds, compared within one run. The machine has to be idle:
other programs' load moves the ratios too, either way; the load average is printed for that reason.
What each figure holds and leaves out stands in the docstring of its function.
Ends with 1 when a limit was missed or something could not be measured.
"""

import argparse
import asyncio
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from time import perf_counter

import uvloop

import brokers
import jobs
import mails
import peers
import project
import registrations
from server import project as project_folder
from table import Row, as_markdown, as_text, machine

MEASUREMENTS: dict[str, Callable[[bool], Awaitable[list[Row]]]] = {
    "registrations": registrations.registrations,
    "healthz": registrations.healthz,
    "slow-mail": registrations.slow_mail,
    "commit-to-start": jobs.commit_to_start,
    "jobs-sqlite": jobs.jobs_sqlite,
    "jobs-postgresql": jobs.jobs_postgresql,
    "peers": peers.peers,
    "jobs-beside-finished": jobs.beside_finished,
    "mail-render": mails.mail_render,
    "mail-rates": mails.mail_rates,
    "mail-connections": mails.mail_connections,
    "mail-memory": mails.mail_memory,
    "celery": brokers.celery,
    "enqueueing": brokers.enqueueing,
    "generate": project.generate,
    "import": project.import_time,
    "memory": project.memory,
    "suite": project.suite,
}
PATIENCE = 900
"""Seconds after which a measurement is given up."""


async def main() -> int:
    _tidy_up_at_sigterm()
    options = _options()
    project_folder()  # fails early
    names = [name for name in options.only if not (options.skip_suite and name == "suite")]
    about = machine()
    rows: list[Row] = []
    failed = []
    for name in names:
        began = perf_counter()
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout(PATIENCE):
                rows += await MEASUREMENTS[name](options.quick)
        except Exception:  # the others can still be measured
            traceback.print_exc()
            failed.append(name)
        print(f"{perf_counter() - began:.0f} s", file=sys.stderr)
    print(f"\n{about}\n\n{as_markdown(rows) if options.markdown else as_text(rows)}")
    if failed:
        print(f"\nNot measured: {', '.join(failed)}; the reason is above.")
    return 0 if not failed and all(row.ok for row in rows) else 1


def _tidy_up_at_sigterm() -> None:
    """End what was started and remove its folders, as Ctrl+C does."""
    if running := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="The benchmarks.")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=MEASUREMENTS,
        default=list(MEASUREMENTS),
        metavar="NAME",
        help=", ".join(MEASUREMENTS),
    )
    parser.add_argument("--skip-suite", action="store_true", help="leave out the project's tests")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
