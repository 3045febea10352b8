"""The settings: the only place that reads the environment and `.env`.

`app/settings.py` adds the application's own to this class and loads them. Everything in kit imports
the loaded object from here:

    from kit.settings import settings
"""

import os
import unicodedata
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from kit.dotenv import complaint

DEV = "KIT_DEV"
"""`manage dev` sets this for the processes that it starts."""


def _seconds(value: object) -> object:
    """`30` or `1.5`; pydantic alone takes only ISO 8601 (`PT30S`) from text."""
    with suppress(ValueError):
        return float(value) if isinstance(value, str) else value
    return value


def _off_is_none(value: object) -> object:
    return None if isinstance(value, str) and value.lower() == "off" else value


Seconds = Annotated[
    timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0), lt=timedelta(days=365))
]
SecondsOrOff = Annotated[Seconds | None, BeforeValidator(_off_is_none)]


def _scheme_in(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        scheme, slashes, rest = url.strip().partition("://")
        if not slashes or scheme.lower() not in schemes:
            raise ValueError(f"must start with one of {', '.join(f'{s}://' for s in schemes)}")
        return f"{scheme.lower()}://{rest}"

    return AfterValidator(check)


def _has_port(url: str) -> str:
    """Libraries would report a wrong port much later, in a traceback."""
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError(
            "the port must be a number up to 65535 (%-encode @ : / # ? in a password)"
        ) from None
    return url


def _origins(text: str) -> str:
    found = [origin.strip().rstrip("/") for origin in text.split(",") if origin.strip()]
    for origin in found:
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or not host or set("/?#@* ") & set(host):
            raise ValueError(f"{origin} isn't an origin such as https://app.example.com")
    return ",".join(found)


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("must be one line, without control characters")
    if not text.strip():
        raise ValueError("must not be empty")
    return text


class Settings(BaseSettings):
    """Every setting, with its default. `.env.example` explains each."""

    model_config = SettingsConfigDict(
        # Tests must not depend on what a developer has in .env.
        env_file=None if os.environ.get("ENVIRONMENT") == "test" else ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
    )

    environment: Literal["development", "production", "test"] = "development"
    project_name: Annotated[
        str,
        Field(max_length=100),
        AfterValidator(_one_line),
    ] = "My app"
    base_url: Annotated[str, _scheme_in("http", "https"), AfterValidator(_has_port)] = (
        "http://127.0.0.1:8000"
    )
    secret_key: Annotated[SecretStr, Field(min_length=32)]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    database_url: Annotated[
        str,
        _scheme_in("sqlite", "sqlite+aiosqlite", "postgresql", "postgresql+psycopg", "postgres"),
    ] = "sqlite:///./var/app.db"

    tasks_engine: Literal["inprocess", "immediate", "celery", "dramatiq", "rq"] = "inprocess"
    broker_url: (
        Annotated[str, _scheme_in("redis", "rediss", "amqp", "amqps"), AfterValidator(_has_port)]
        | None
    ) = None
    tasks_concurrency: Annotated[int, Field(ge=1, le=1000)] = 10
    """Jobs that one worker runs at the same time."""
    tasks_lease: Seconds = timedelta(seconds=30)
    """How long a dead worker's job stays claimed; living workers renew their leases."""
    tasks_republish_after: Seconds = timedelta(seconds=60)
    """When a job that no worker has picked up is announced to the broker again."""
    shutdown_timeout: Seconds = timedelta(seconds=20)
    """How long SIGTERM waits for running jobs and shielded work."""

    mail_url: str = "mailbox://"
    """Read by `mail/transports`, also at the start."""
    mail_from: str = "noreply@example.com"
    """`address` or `Name <address>`; without a name the project's is shown."""
    mail_reply_to: str | None = None
    """Where answers go, if not to MAIL_FROM."""

    trusted_origins: Annotated[str, AfterValidator(_origins)] = ""
    """Other sites whose pages may use the API, with commas: `https://app.example.com`."""

    rate_limits: bool = True
    forwarded_allow_ips: str = "127.0.0.1"
    """Proxies whose X-Forwarded-* headers we trust; named as uvicorn's option."""

    ready_max_queue_lag: SecondsOrOff = timedelta(minutes=15)
    """`/readyz` fails when the oldest due job has waited for longer; None: it never does."""
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What a scraper of `/metrics` must show; without it production has no such page."""

    @field_validator("base_url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        if not urlsplit(url).hostname or {"?", "#"} & set(url):
            raise ValueError("must have a host, and no ? or #: paths are put behind it")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: str) -> str:
        """One driver per database, for web, worker and migrations alike."""
        scheme, rest = url.split(":", 1)
        driver = "sqlite+aiosqlite" if scheme.startswith("sqlite") else "postgresql+psycopg"
        return f"{driver}:{rest}"

    @field_validator("mail_from", "mail_reply_to")
    @classmethod
    def _an_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        from email.headerregistry import Address

        from email_validator import EmailNotValidError, validate_email

        try:
            parsed = validate_email(value, allow_display_name=True, check_deliverability=False)
        except EmailNotValidError as error:
            raise ValueError(f"is no e-mail address: {error}") from error
        own = info.data.get("project_name", "") if info.field_name == "mail_from" else ""
        name = parsed.display_name or own
        return str(Address(name, addr_spec=parsed.ascii_email or parsed.normalized))

    @model_validator(mode="after")
    def _production_is_not_a_laptop(self) -> Self:
        if self.is_production and self.tasks_engine == "immediate":
            raise ValueError("TASKS_ENGINE: 'immediate' is for tests; production needs a worker")
        return self

    @model_validator(mode="after")
    def _brokers_fit_engines(self) -> Self:
        schemes = {"celery": ("redis", "amqp"), "dramatiq": ("redis", "amqp"), "rq": ("redis",)}
        if allowed := schemes.get(self.tasks_engine):
            urls = " or ".join(f"{scheme}://" for scheme in allowed)
            if not (self.broker_url or "").startswith(allowed):
                raise ValueError(f"BROKER_URL: TASKS_ENGINE={self.tasks_engine} needs {urls}")
        return self

    @model_validator(mode="after")
    def _production_is_configured(self) -> Self:
        """What is fine on a laptop by default would lose e-mails and send broken links."""
        needed = {
            "base_url": "the address at which people reach the application",
            "database_url": "a database, such as postgresql://user:password@host:5432/name",
            "mail_url": "a mail server, such as smtp://user:password@host:587",
        }
        missing = [
            f"{name.upper()}: missing; production needs {what}"
            for name, what in needed.items()
            if name not in self.model_fields_set
        ]
        if self.is_production and missing:
            raise ValueError("\n".join(missing))
        return self

    @property
    def origins(self) -> list[str]:
        """TRUSTED_ORIGINS, one by one."""
        return [origin for origin in self.trusted_origins.split(",") if origin]

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def is_development(self) -> bool:
        """Whether `manage dev` (or `fastapi dev`) runs: no other command serves /dev to anyone."""
        started = DEV in os.environ or os.environ.get("FASTAPI_ENV") == "development"
        return self.environment == "development" and started


S = TypeVar("S", bound=Settings)

_loaded: Settings | None = None

if TYPE_CHECKING:
    settings: Settings


def load(cls: type[S]) -> S:
    """Read the settings of this class, and make them those of the process.

    Stops the program with one line for each setting that is missing or wrong.
    """
    global _loaded
    file = cls.model_config.get("env_file")
    if isinstance(file, str) and (problem := complaint(Path(file))):
        raise SystemExit(problem)
    try:
        found = _loaded = cls()
    except ValidationError as error:
        raise SystemExit(
            "\n".join(_complaint(e["loc"], e["msg"]) for e in error.errors())
        ) from None
    return found


def __getattr__(name: str) -> Any:  # PEP 562: called for what the module has not got (yet)
    """`settings`: what `app/settings.py` loads. It is imported at first use."""
    if name != "settings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _loaded is None:
        import_module("app.settings")
    if _loaded is None:
        raise SystemExit("app/settings.py: must load the settings: `settings = load(Settings)`")
    return _loaded


def _complaint(loc: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in loc if part != "function-after").upper()
    text = message.removeprefix("Value error, ")
    if name == "SECRET_KEY" and "at least" in text:
        text = "must have 32 characters at least"
    elif name == "METRICS_TOKEN" and "at least" in text:
        text = "must have 16 characters at least"
    elif "valid timedelta" in text:
        text = "must be a number of seconds"
    elif "timedelta(" in text:
        text = "must be more than 0 seconds, and less than a year"
    elif name == "SECRET_KEY" and text == "Field required":
        text = "missing; set it in the environment, or copy .env.example to .env and set it there"
    return f"{name}: {text}" if name else text


VAR = Path("var")
"""Where the embedded default keeps its database and its mail, relative to the project."""
