"""A mail server, as MAIL_URL names it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MailServer:
    """Where and how to hand messages over.

    tls: "implicit" from the first byte on; "starttls" or no mail; "none"; or "auto", which
        is STARTTLS when the server offers it.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: str
