"""What a task may raise to say what is to happen, and what a worker finds wrong with a job."""

from datetime import timedelta


class Retry(Exception):
    """Raised by a task to be run again: after `after`, or after the usual backoff.

    The attempt counts. When none is left, the job fails with this reason.
    """

    def __init__(self, reason: str = "asked for a retry", *, after: timedelta | None = None):
        super().__init__(reason)
        if not isinstance(reason, str):
            raise TypeError("Retry: the reason is a text; a time is given as after=timedelta(…)")
        if after is not None and not isinstance(after, timedelta):
            raise TypeError("Retry: after must be a timedelta")
        self.after = after


class Discard(Exception):
    """Raised by a task when another attempt is useless: the job fails now, with this reason."""


class Obsolete(Discard):
    """A Discard that needs no attention: what the job was for is gone. No digest lists it."""


class UnknownTask(LookupError):
    """No task has this name: it was renamed or deleted while jobs of it were waiting.

    Or it is newer than this worker: see worker/version_skew.py.
    """


class BadArguments(ValueError):
    """The stored arguments do not fit the task: its signature changed while jobs waited.

    Or they fit a newer version of it: see worker/version_skew.py.
    """
