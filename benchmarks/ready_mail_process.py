"""Times finished messages on their way to a mail server, on uvloop as `manage serve` runs it.

python ready_mail_process.py smtp://user:password@127.0.0.1:PORT 1000
    {"kept": [e-mails per second over kept connections, …], "each": [a connection for each, …]}
"""

import json
import sys
from collections.abc import Awaitable
from time import perf_counter
from urllib.parse import urlsplit

import aiosmtplib
import uvloop
from kit.logging import configure_logging
from kit.mail.message import Message, compose
from kit.mail.server import MailServer
from kit.mail.transports.smtp import Smtp, transport

from mail_process import AT_A_TIME, ROUNDS, Send, send_all, welcome


async def rates(url: str, mails: int) -> dict[str, list[float]]:
    """In turn, so that a slower moment of the machine meets both."""
    messages = [compose(welcome(number), f"{number}@example.com") for number in range(100)]
    smtp = transport(urlsplit(url))
    ways = {"kept": kept(smtp, messages), "each": each(smtp.server, messages)}
    for send in ways.values():
        await send_all(send, 2 * AT_A_TIME)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, send in ways.items():
            began = perf_counter()
            await send_all(send, mails)
            found[name].append(mails / (perf_counter() - began))
    return found


def kept(smtp: Smtp, messages: list[Message]) -> Send:
    """The app's own transport, as a job uses it."""
    return lambda number: smtp.send(messages[number % len(messages)])


def each(server: MailServer, messages: list[Message]) -> Send:
    """The same bytes by aiosmtplib's `send`, which connects, sends and says goodbye."""

    def send(number: int) -> Awaitable[object]:
        message = messages[number % len(messages)]
        return aiosmtplib.send(
            message.raw,
            sender=message.sender.addr_spec,
            recipients=[message.to],
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            start_tls=server.tls == "starttls",
            local_hostname="example.com",  # else it asks the DNS for each e-mail
        )

    return send


async def main(url: str, mails: str) -> None:
    configure_logging()
    print(json.dumps(await rates(url, int(mails))))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
