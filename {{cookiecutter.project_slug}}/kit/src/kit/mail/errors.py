"""What can go wrong on the way out."""

from typing import ClassVar

from kit.errors import AppError
from kit.tasks import Discard


class TemporaryMailError(Exception):
    """The mail server could not take the message now; the job tries again later."""


class PermanentMailError(Discard):
    """The mail server refused the message for good; the job ends as failed with its words."""


class NoSuchMessage(AppError):
    """The development mailbox or the previews have nothing under this name."""

    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such message"
