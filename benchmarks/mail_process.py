"""Times e-mails from inside the process that makes them, on uvloop as `manage serve` runs it.

python mail_process.py render 500            [seconds, …], one for each rendering
python mail_process.py rates PORT 1000       {"ours": [e-mails per second, …], "stock": …, …}
python mail_process.py memory PORT 100000    [MiB before, MiB after]
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import uvloop
from fastapi_mail import ConnectionConfig, FastMail, MessageSchema, MessageType
from kit.discovery import folders
from kit.logging import configure_logging
from kit.mail.message import compose
from kit.mail.rendering import render
from kit.mail.transports import transport_for
from kit.settings import settings
from pydantic import NameEmail, SecretStr

from app.accounts.emails import WelcomeEmail, verification_link

AT_A_TIME = 10
ROUNDS = 3
FEWER = 10
"""FastMail with templates sends so many times fewer e-mails in a round, for it is slow."""

Send = Callable[[int], Awaitable[object]]


def welcome(number: int) -> WelcomeEmail:
    """Another person each time, as in life: nothing but the template is the same."""
    return WelcomeEmail(
        to=f"person-{number}@example.com",
        link=verification_link(f"{number:043}"),
    )


def rendering(times: int) -> list[float]:
    emails = [welcome(number) for number in range(times)]
    seconds = []
    for email in emails:
        began = perf_counter()
        render(email)
        seconds.append(perf_counter() - began)
    return seconds[times // 10 :]  # the first ones compile templates


async def rates(port: int, mails: int) -> dict[str, list[float]]:
    """In turn, so that a slower moment of the machine meets all."""
    with TemporaryDirectory() as name:
        ways = {
            "ours": (ours(port), mails),
            "stock": (stock(port, Path(name)), mails // FEWER),
            "stock, rendered before": (stock_without_templates(port), mails),
        }
        for send, _ in ways.values():
            await send_all(send, 2 * AT_A_TIME)
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (send, count) in ways.items():
                began = perf_counter()
                await send_all(send, count)
                found[name].append(count / (perf_counter() - began))
    return found


def ours(port: int) -> Send:
    """Check the data, render, inline, compose and hand over, as a job does."""
    transport = transport_for(f"smtp://127.0.0.1:{port}")
    return lambda number: transport.send(compose(welcome(number), f"{number}@example.com"))


def stock(port: int, folder: Path) -> Send:
    """FastMail with the same templates and data, as documented; it inlines nothing."""
    for templates in filter(Path.is_dir, folders("templates")):
        shutil.copytree(templates, folder, dirs_exist_ok=True)
    mailer = FastMail(_config(port, folder))

    def send(number: int) -> Awaitable[object]:
        email = welcome(number)
        message = MessageSchema(
            recipients=[NameEmail(name="", email=email.to)],
            subject=email.subject,
            template_body={
                **email.model_dump(),
                "subject": email.subject,
                "project_name": settings.project_name,
                "base_url": settings.base_url,
            },
            subtype=MessageType.plain,  # else the text would come last
        )
        return mailer.send_message(
            message, html_template="emails/welcome.html", plain_template="emails/welcome.txt"
        )

    return send


def stock_without_templates(port: int) -> Send:
    """FastMail with HTML and text that were rendered and inlined before the clock started."""
    mailer = FastMail(_config(port, None))
    rendered = render(welcome(0))

    def send(number: int) -> Awaitable[object]:
        message = MessageSchema(
            recipients=[NameEmail(name="", email=f"person-{number}@example.com")],
            subject=rendered.subject,
            body=rendered.text,
            alternative_body=rendered.html,
            subtype=MessageType.plain,
        )
        return mailer.send_message(message)

    return send


async def memory(port: int, mails: int) -> list[float]:
    """Resident memory after a warm-up, and after all."""
    send = ours(port)
    await send_all(send, 2000)
    before = _resident()
    await send_all(send, mails)
    return [before, _resident()]


def _config(port: int, folder: Path | None) -> ConnectionConfig:
    return ConnectionConfig(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=port,
        MAIL_USERNAME="",
        MAIL_PASSWORD=SecretStr(""),
        USE_CREDENTIALS=False,
        MAIL_SSL_TLS=False,
        MAIL_STARTTLS=False,
        MAIL_FROM="noreply@example.com",
        TEMPLATE_FOLDER=folder,
        LOCAL_HOSTNAME="example.com",  # else it asks the DNS for each e-mail
    )


async def send_all(send: Send, count: int) -> None:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await send(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(work())


def _resident() -> float:
    """MiB of this process, as Linux counts them."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def main(what: str, *numbers: str) -> None:
    configure_logging()
    given = map(int, numbers)
    match what:
        case "render":
            measured: object = rendering(*given)
        case "rates":
            measured = await rates(*given)
        case _:
            measured = await memory(*given)
    print(json.dumps(measured))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
