"""smtps://user:password@host is SMTP with TLS from the first byte on."""

from kit.mail.transports.smtp import transport

__all__ = ["transport"]
