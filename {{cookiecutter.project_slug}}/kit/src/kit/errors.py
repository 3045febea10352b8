"""The root of every error that the domain raises on purpose."""

from typing import ClassVar


class AppError(Exception):
    """An expected failure, with the HTTP status and the title that its answer carries.

    The message is shown to the user: it names what is wrong and holds no secret.
    `web/errors.py` turns it into problem details (RFC 9457) or an error page.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
