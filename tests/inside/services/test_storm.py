"""Five hundred people register while everything around is killed, flushed and cut off.

Promised is: whoever was answered gets exactly one welcome e-mail. It may arrive twice where a
connection or a process died before the outcome was known, and then under the same Message-ID.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from typing import Any

import pytest
from httpx2 import AsyncClient, HTTPError, Limits
from kit.database.sessions import create_engine
from kit.settings import Settings
from kit.tasks.models import Job, JobStatus
from kit.testing import Command, Manage, PostgreSQL, RabbitMQ, Redis, until
from kit.testing.smtp import ACCEPT, HANG_UP, SmtpSink
from sqlalchemy import Executable, Text, cast, select
from sqlmodel import col

from app.accounts.models import User

PEOPLE = 500
BROKERS = {"celery": "redis", "dramatiq": "rabbitmq", "rq": "redis"}
ENGINES = [name for name in BROKERS if find_spec(name)]
PASSWORD = "correct horse battery staple"


@dataclass
class Site:
    """A small company: web server, worker and scheduler, and what they depend on."""

    manage: Manage
    postgresql: PostgreSQL
    smtp: SmtpSink
    broker: Redis | RabbitMQ | None
    url: str = ""
    processes: dict[str, Command] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def start(self, name: str) -> None:
        if name == "web":
            self.processes[name], self.url = self.manage.serve()
        else:
            self.processes[name] = self.manage.start(name)

    def kill_and_start(self, name: str) -> None:
        self.processes[name].kill()
        self.start(name)

    def restart_what_ended(self) -> None:
        """As service managers do: a worker may end when its broker has been away for long."""
        for name, process in list(self.processes.items()):
            if process.has_ended:
                self.counts[f"{name} ended"] += 1
                self.start(name)

    def faults(self) -> list[tuple[str, Callable[[], object]]]:
        """What may happen, and how to make it happen; each is over when it returns."""
        faults: list[tuple[str, Callable[[], object]]] = [
            *((f"{name} killed", lambda name=name: self.kill_and_start(name)) for name in NAMES),
            ("database killed", self.postgresql.restart),
            ("mail server killed", self.smtp.restart),
        ]
        if self.broker:
            faults += [
                ("broker killed", self.broker.restart),
                ("broker cut off", self._cut_off_the_broker),
            ]
        if isinstance(self.broker, Redis):
            faults += [("broker flushed", self.broker.flush)]
        return faults

    def _cut_off_the_broker(self) -> None:
        assert self.broker
        with self.broker.black_hole():
            self.processes["web"].until_it_answers(f"{self.url}/healthz")


NAMES = ("web", "worker", "scheduler")


@pytest.fixture(params=["inprocess", *ENGINES])
def site(
    request: pytest.FixtureRequest, manage: Manage, postgresql: PostgreSQL, smtp: SmtpSink
) -> Site:
    engine: str = request.param
    broker = request.getfixturevalue(BROKERS[engine]) if engine in BROKERS else None
    manage.environment |= {
        "DATABASE_URL": postgresql.url,
        "MAIL_URL": smtp.url,
        "TASKS_ENGINE": engine,
        "BROKER_URL": broker.url if broker else "",
        "TASKS_LEASE": "3",
        "TASKS_REPUBLISH_AFTER": "3",
    }
    manage.migrate()
    site = Site(manage, postgresql, smtp, broker)
    for name in NAMES:
        site.start(name)
    return site


@pytest.mark.timeout(400)
@pytest.mark.filterwarnings(  # connections that a fault ended under the mail server
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
async def test_everybody_who_was_answered_gets_one_welcome(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(4)
    site.smtp.answer = lambda: chance.choices([ACCEPT, "451 Later", HANG_UP], [75, 20, 5])[0]
    accepted: set[str] = set()
    registering = asyncio.create_task(_register(site, accepted))
    while not registering.done():
        what, do = chance.choice(site.faults())
        await asyncio.to_thread(do)
        site.counts[what] += 1
        await asyncio.to_thread(site.restart_what_ended)
        await asyncio.sleep(chance.uniform(0, 1))  # the weather, not a wait for anything
    await registering

    site.smtp.answer = ACCEPT
    await until(lambda: _all_are_settled(site), seconds=200)
    mails = Counter((mail["To"], mail["Message-ID"]) for mail in site.smtp.messages)
    identities = Counter(address for address, _ in mails)
    record_property("storm", _report(site, accepted, mails, identities))
    missing = accepted - identities.keys()
    assert not missing, f"never welcomed: {await _what_is_known(site, missing)}"
    assert [address for address, number in identities.items() if number > 1] == []
    assert len(accepted) == PEOPLE


async def _register(site: Site, accepted: set[str]) -> None:
    """Ten at a time, each person once: who gets no answer does not come again.

    Nor in the storm of another engine, whose accounts may be in the same database.
    """
    numbers, domain = count(1), f"{site.manage.environment['TASKS_ENGINE']}.example.com"

    async def people(client: AsyncClient) -> None:
        while len(accepted) < PEOPLE:
            address = f"person-{next(numbers)}@{domain}"
            url, body = f"{site.url}/api/v1/auth/register", {"email": address, "password": PASSWORD}
            try:
                answer = await client.post(url, json=body)
            except HTTPError:
                await asyncio.sleep(0.1)  # nobody is there
                continue
            if answer.status_code == 202 and len(accepted) < PEOPLE:
                accepted.add(address)
            await asyncio.sleep(0.2)

    async with AsyncClient(timeout=20, limits=Limits(max_keepalive_connections=0)) as client:
        await asyncio.gather(*(people(client) for _ in range(10)))


async def _all_are_settled(site: Site) -> bool:
    await asyncio.to_thread(site.restart_what_ended)
    waiting = (JobStatus.READY, JobStatus.RUNNING)
    return await _rows(site, select(col(Job.id)).where(col(Job.status).in_(waiting)).limit(1)) == []


async def _what_is_known(site: Site, addresses: set[str]) -> list[Any]:
    """What the tables tell of these people: when they registered, what became of the job."""
    is_theirs = cast(Job.arguments, Text).contains(cast(User.id, Text))
    about = [User.email, User.created_at, Job.status, Job.attempts, Job.finished_at, Job.error]
    query = select(*(col(it) for it in about)).join_from(User, Job, is_theirs, isouter=True)
    return await _rows(site, query.where(col(User.email).in_(addresses)))


async def _rows(site: Site, query: Executable) -> list[Any]:
    engine = create_engine(Settings(database_url=site.postgresql.url).database_url)
    try:
        async with engine.connect() as connection:
            return [*await connection.execute(query)]
    finally:
        await engine.dispose()


def _report(
    site: Site, accepted: set[str], mails: Counter[tuple[str, str]], identities: Counter[str]
) -> str:
    weather = ", ".join(f"{what} {number}" for what, number in site.counts.most_common())
    missing, twice = len(accepted - identities.keys()), sum(mails.values()) - len(mails)
    return (
        f"{site.manage.environment['TASKS_ENGINE']}: {len(accepted)} accepted, {missing} without "
        f"a welcome, {twice} copies with the same Message-ID ({weather})"
    )
