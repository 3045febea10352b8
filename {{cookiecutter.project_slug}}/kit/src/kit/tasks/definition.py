"""`@task`, and how a call becomes a row."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any, Generic, NotRequired, ParamSpec, TypeVar, cast, get_type_hints, overload
from uuid import UUID

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import TypedDict

from kit.database import utcnow
from kit.logging import request_id
from kit.tasks import commits
from kit.tasks.models import Job, new_job

P = ParamSpec("P")
R = TypeVar("R")


class Retry(Exception):
    """Raised by a task to be run again: after `after`, or after the usual backoff.

    It counts as an attempt. When none is left, the job fails with this reason.
    """

    def __init__(self, reason: str = "asked for a retry", *, after: timedelta | None = None):
        super().__init__(reason)
        if not isinstance(reason, str):
            raise TypeError("Retry: the reason is a text; a time is given as after=timedelta(…)")
        if after is not None and not isinstance(after, timedelta):
            raise TypeError("Retry: after must be a timedelta")
        self.after = after


class Discard(Exception):
    """Raised by a task when another try is useless: the job fails now, with this reason."""


class Obsolete(Discard):
    """A Discard that needs no attention: what the job was for is gone. No digest names it."""


class UnknownTask(LookupError):
    """No task has this name: it was renamed or deleted while jobs of it were waiting.

    Or it is newer than this worker: see misfits.py.
    """


class BadArguments(ValueError):
    """The stored arguments do not fit the task: its signature changed while jobs waited.

    Or will do so with a newer worker: see misfits.py.
    """


@dataclass(frozen=True, kw_only=True)
class Task(Generic[P, R]):
    """A function that can be run as a job. Calling it runs it here and now, as any function."""

    name: str
    function: Callable[P, R]
    queue: str = "default"
    priority: int = 0
    max_attempts: int = 8
    timeout: timedelta | None = timedelta(minutes=10)
    run_after: datetime | timedelta = field(default=timedelta(0))
    owner: UUID | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def using(
        self,
        *,
        run_after: datetime | timedelta | None = None,
        priority: int | None = None,
        queue: str | None = None,
        owner: UUID | None = None,
    ) -> "Task[P, R]":
        """The same task with other options for the next `enqueue`.

        run_after: a point in time (aware) or a delay from now.
        owner: the id of the user who may ask what became of the job.
        """
        if isinstance(run_after, datetime) and run_after.tzinfo is None:
            raise ValueError("run_after: a datetime needs a time zone")
        if priority is not None and not -100 <= priority <= 100:
            raise ValueError("priority: must be between -100 and 100")
        return replace(
            self,
            run_after=self.run_after if run_after is None else run_after,
            priority=self.priority if priority is None else priority,
            queue=self.queue if queue is None else queue,
            owner=self.owner if owner is None else owner,
        )

    async def enqueue(self, db: AsyncSession, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Add a job to the transaction of `db`; it can start once that is committed.

        Raises TypeError (wrong number or names, or a value that does not survive JSON) or
        pydantic.ValidationError (wrong types) here, in the caller's face, not later in a worker.
        """
        signature, adapter = _stored(self.function)
        given = adapter.validate_python(signature.bind(*args, **kwargs).arguments)
        arguments = adapter.dump_python(given, mode="json", by_alias=True)
        if arguments and not self._can_store(arguments, given):
            raise TypeError(f"{self.name}: an argument would not be the same after storing it")
        now, run_after = utcnow(), self.run_after
        if isinstance(run_after, timedelta):
            run_after = now + run_after
        job = new_job(
            task=self.name,
            arguments=arguments,
            queue=self.queue,
            rank=-self.priority,
            max_attempts=self.max_attempts,
            run_after=run_after,
            announced_at=now if run_after <= now else None,
            owner_id=self.owner,
            request_id=request_id(),
        )
        db.add(job)
        commits.announce(db.sync_session, job)
        return job

    def _can_store(self, arguments: dict[str, Any], given: dict[str, Any]) -> bool:
        try:
            stored = to_json(arguments, inf_nan_mode="null")  # JSON has neither
            return self.load(stored) == given
        except ValueError:  # half of a surrogate pair, or what BadArguments says
            return False

    def load(self, arguments: str | bytes) -> dict[str, Any]:
        """The arguments of a stored job, JSON, as typed values; raises BadArguments."""
        try:
            return _stored(self.function)[1].validate_json(arguments)
        except ValidationError as error:  # without the values: they may be personal
            problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise BadArguments("; ".join(problems)) from None

    @cached_property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    @property
    def required_arguments(self) -> list[str]:
        """The names of those that `enqueue` has to be given."""
        parameters = _stored(self.function)[0].parameters.values()
        return [one.name for one in parameters if one.default is one.empty]


@cache
def _stored(function: Callable[..., Any]) -> tuple[inspect.Signature, TypeAdapter[dict[str, Any]]]:
    """The signature, and how arguments of it are stored: strictly, `"1"` is no int.

    Raises TypeError for a signature that can't be stored. Defaults are not stored: a new
    parameter that has one fits the jobs that wait already.
    """
    signature, hints = inspect.signature(function), get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"*{name} can't be stored; name each one")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"{name} is stored by name; remove the /")
        if name not in hints:
            raise TypeError(f"parameter {name} needs a type")
        required = parameter.default is parameter.empty
        fields[name] = hints[name] if required else NotRequired[hints[name]]
    arguments = cast(Any, TypedDict)(f"the arguments of {function.__qualname__}", fields)
    arguments.__pydantic_config__ = ConfigDict(strict=True, extra="forbid")
    return signature, TypeAdapter(arguments)


_registry: dict[str, Task[Any, Any]] = {}


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str = "default",
    priority: int = 0,
    max_attempts: int = 8,
    timeout: timedelta | None = timedelta(minutes=10),
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str = "default",
    priority: int = 0,
    max_attempts: int = 8,
    timeout: timedelta | None = timedelta(minutes=10),
) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task; `async def` runs on the worker's event loop, `def` in a thread.

    name: stays in the table while jobs wait; give the old one when you move or rename the
        function. Default: its dotted path.
    max_attempts: runs in all, crashes of the worker included.
    timeout: of one attempt of an `async def`; a thread can't be stopped, so a `def` has none.
    """

    if max_attempts < 1:
        raise ValueError("max_attempts: must be 1 or more")
    if timeout is not None and timeout <= timedelta(0):
        raise ValueError("timeout: must be more than 0 seconds, or None")
    if not 1 <= len(queue) <= 50:
        raise ValueError("queue: must have 1 to 50 characters")

    def register(function: Callable[P, R]) -> Task[P, R]:
        made = Task(
            name=name or f"{function.__module__}.{function.__qualname__}",
            function=function,
            queue=queue,
            priority=priority,
            max_attempts=max_attempts,
            timeout=timeout,
        )
        try:
            _stored(function)  # what can't be stored fails at import
        except TypeError as error:
            raise TypeError(f"{made.name}: {error}") from None
        _registry[made.name] = made
        return made

    return register(function) if function else register


def get_task(name: str) -> Task[Any, Any]:
    """The task of this name; raises UnknownTask."""
    from kit.discovery import modules

    if name not in _registry:
        list(modules("tasks"))
    try:
        return _registry[name]
    except KeyError:
        raise UnknownTask(f"no task is named {name!r}") from None


def all_tasks() -> list[Task[Any, Any]]:
    """Every task of the project."""
    from kit.discovery import modules

    list(modules("tasks"))
    return list(_registry.values())
