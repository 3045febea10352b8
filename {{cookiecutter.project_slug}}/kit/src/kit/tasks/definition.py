"""`@task`, and how a call becomes a row."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar, overload
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from kit.database import utcnow
from kit.discovery import modules
from kit.logging import request_id
from kit.tasks import commits
from kit.tasks.arguments import stored
from kit.tasks.errors import BadArguments, UnknownTask
from kit.tasks.models import Job, new_job

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Task(Generic[P, R]):
    """A function that can be run as a job. Calling it runs it at once, like any function."""

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
        owner: the id of the user who may see the job's state.
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

        Raises TypeError (wrong number or names, or a value that JSON would change) or
        pydantic.ValidationError (wrong types) here, and not later in a worker.
        """
        signature, adapter = stored(self.function)
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
            text = to_json(arguments, inf_nan_mode="null")  # JSON has neither
            return self.load(text) == given
        except ValueError:  # half of a surrogate pair, or what BadArguments says
            return False

    def load(self, arguments: str | bytes) -> dict[str, Any]:
        """The arguments of a stored job, JSON, as typed values; raises BadArguments."""
        try:
            return stored(self.function)[1].validate_json(arguments)
        except ValidationError as error:  # without the values: they may be personal
            problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise BadArguments("; ".join(problems)) from None

    @cached_property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    @property
    def required_arguments(self) -> list[str]:
        """The names of the arguments that `enqueue` needs."""
        parameters = stored(self.function)[0].parameters.values()
        return [one.name for one in parameters if one.default is one.empty]


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

    name: stored with waiting jobs, so give the old name when you move or rename the function.
        Default: its dotted path.
    max_attempts: how often the job is run at most, crashes of the worker included.
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
            stored(function)  # what can't be stored fails at import
        except TypeError as error:
            raise TypeError(f"{made.name}: {error}") from None
        _registry[made.name] = made
        return made

    return register(function) if function else register


def get_task(name: str) -> Task[Any, Any]:
    """The task of this name; raises UnknownTask."""
    if name not in _registry:
        list(modules("tasks"))
    try:
        return _registry[name]
    except KeyError:
        raise UnknownTask(f"no task is named {name!r}") from None


def all_tasks() -> list[Task[Any, Any]]:
    """Every task of the project."""
    list(modules("tasks"))
    return list(_registry.values())
