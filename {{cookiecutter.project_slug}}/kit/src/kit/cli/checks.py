"""What `manage check` finds wrong; with `--deploy`, what is fine on a laptop alone."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic_settings import DotEnvSettingsSource

from kit.settings import Settings, settings

_FEW = 12
"""Different characters: a secret that a machine made has twice as many."""


def problems(env: Path = Path(".env")) -> Iterator[str]:
    """One line for each thing that would stop a server, or that a mistyped name hides."""
    from kit.discovery import NAMES, BrokenModule, misnamed, modules
    from kit.mail.checks import problems as mail_problems
    from kit.tasks import engines
    from kit.tasks.schedule import schedules

    try:
        for name in NAMES:
            list(modules(name))
    except BrokenModule as error:
        yield str(error)
        return
    yield from misnamed()
    try:
        engines.current()
    except SystemExit as error:
        yield str(error)
    for schedule in schedules():
        try:
            schedule.checked()
        except ValueError as error:
            yield str(error)
    yield from _mistyped(env)
    yield from mail_problems()
    yield from _database_problems()


def _database_problems() -> Iterator[str]:
    """What keeps this code from working with the database, if there is one.

    `check` also runs where there is none, as in a pipeline. A server says so at its start.
    """
    import asyncio

    from sqlalchemy.exc import SQLAlchemyError

    from kit.database import Session, engine
    from kit.migrations import applied, mismatch

    async def read() -> str | None:
        try:
            async with Session() as db:
                found = await applied(db)
            return mismatch(found) if found else None
        finally:
            await engine.dispose()

    with suppress(SQLAlchemyError, OSError):
        if problem := asyncio.run(read()):
            yield problem


def _mistyped(env: Path) -> Iterator[str]:
    """Names in .env that are nearly those of settings; it may hold others, as Compose's."""
    cls = type(settings)  # with the owner's own
    names = [name.upper() for name in cls.model_fields]
    found = DotEnvSettingsSource(cls, env_file=env, case_sensitive=True).env_vars
    for name in found:
        if name.upper() not in names and (near := get_close_matches(name.upper(), names, 1, 0.85)):
            yield f"{name}: in .env, but no setting has this name; {near[0]}?"


def deployment_problems(settings: Settings = settings, env: Path = Path(".env")) -> list[str]:
    """One line for each setting that should not go to production, naming it."""
    checks = {
        "ENVIRONMENT: is not production": not settings.is_production,
        "SECRET_KEY: can be guessed; let a machine make one": (
            len(set(settings.secret_key.get_secret_value())) < _FEW
        ),
        "BASE_URL: is not https; cookies and links in e-mails would travel in clear": (
            not settings.base_url.startswith("https://")
        ),
        "LOG_LEVEL: DEBUG may log what people typed": settings.log_level == "DEBUG",
        "DATABASE_URL: SQLite is one file on one machine; use postgresql:// for more": (
            settings.database_url.startswith("sqlite")
        ),
        "BROKER_URL: anybody who reaches that machine can use it; it needs a password": (
            _is_open(settings.broker_url or "")
        ),
        "MAIL_URL: e-mails stay in the development mailbox or a file; use smtp:// or smtps://": (
            settings.mail_url.partition(":")[0] in ("mailbox", "file", "console", "memory")
        ),
        "MAIL_URL: tls=none sends e-mails in clear to another machine": (
            _is_in_clear(settings.mail_url)
        ),
        "MAIL_FROM: example.com is nobody's address": (
            settings.mail_from.rstrip(">").endswith("@example.com")
        ),
        "FORWARDED_ALLOW_IPS: * believes any client about its address; name the proxy": (
            "*" in settings.forwarded_allow_ips
        ),
        "RATE_LIMITS: off; leave them on unless a gateway limits": not settings.rate_limits,
        ".env: others on this machine may read it; chmod o-rwx .env": _is_public(env),
    }
    return [problem for problem, found in checks.items() if found]


def _is_open(broker_url: str) -> bool:
    url = urlsplit(broker_url)
    return not _is_here(url.hostname) and url.password in (None, "", "guest")


def _is_in_clear(mail_url: str) -> bool:
    url = urlsplit(mail_url)
    return not _is_here(url.hostname) and parse_qs(url.query).get("tls") == ["none"]


def _is_here(host: str | None) -> bool:
    """This machine, or, as in a container, a neighbour without a domain."""
    return host is None or host in ("127.0.0.1", "::1") or "." not in host


def _is_public(env: Path) -> bool:
    return env.exists() and bool(env.stat().st_mode & stat.S_IROTH)
