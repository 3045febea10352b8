"""What `manage check --deploy` finds: fine on a laptop, unsafe in production."""

from app.settings import settings


def deployment_problems() -> list[str]:
    """One line for each setting that should not go to production, naming it."""
    address = settings.mail_from
    checks = {
        "ENVIRONMENT: is not production": not settings.is_production,
        "BASE_URL: is not https; cookies and links in e-mails would travel in clear": (
            not settings.base_url.startswith("https://")
        ),
        "DATABASE_URL: SQLite is one file on one machine; use postgresql:// for more": (
            settings.database_url.startswith("sqlite")
        ),
        "MAIL_URL: e-mails stay in the development mailbox or a file; use smtp:// or smtps://": (
            settings.mail_url.partition(":")[0] in ("mailbox", "file", "console", "memory")
        ),
        "MAIL_FROM: example.com is nobody's address": address.rstrip(">").endswith("@example.com"),
        "RATE_LIMITS: off; leave them on unless a gateway limits": not settings.rate_limits,
    }
    return [problem for problem, found in checks.items() if found]
