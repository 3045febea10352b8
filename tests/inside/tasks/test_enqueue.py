from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

import pytest
from kit.database import utcnow
from kit.tasks import Job, JobStatus, engines, task
from kit.tasks.definition import get_task
from kit.tasks.models import uuid7
from kit.tasks.worker.worker import run_now
from pydantic import SecretStr, ValidationError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks.jobs import scale, secretive, slow, trace


async def test_a_job_is_a_row_of_the_callers_transaction(session: AsyncSession) -> None:
    job = await trace.enqueue(session, path="x", line="y")
    await session.commit()
    stored = (await session.exec(select(Job))).one()
    assert stored.id == job.id
    assert stored.task == "inside.tasks.jobs.trace"
    assert stored.arguments == {"path": "x", "line": "y"}
    assert (stored.status, stored.attempts, stored.max_attempts) == (JobStatus.READY, 0, 3)


async def test_it_has_what_the_constructor_would_have_given_it(session: AsyncSession) -> None:
    job = await trace.enqueue(session, path="x", line="y")
    own = {"id", "created_at", "request_id"}
    given = job.model_dump(include={"task", "arguments", "max_attempts", "run_after"})
    assert job.model_dump(exclude=own) == {
        **Job(**given).model_dump(exclude=own),
        "announced_at": job.run_after,
    }
    assert job.arguments is not (await trace.enqueue(session, path="x", line="y")).arguments


def test_ids_sort_by_age_and_are_proper_uuids() -> None:
    ids = [uuid7() for _ in range(100)]
    assert sorted(ids) == ids
    assert {(it.version, it.variant) for it in ids} == {(7, RFC_4122)}
    made = datetime.fromtimestamp((ids[0].int >> 80) / 1000, UTC)
    assert abs(utcnow() - made) < timedelta(minutes=1)


async def test_a_rolled_back_job_never_was(session: AsyncSession) -> None:
    await trace.enqueue(session, "x", "y")
    await session.rollback()
    assert (await session.exec(select(Job))).all() == []
    assert await run_now() == 0


async def test_a_job_of_a_savepoint_goes_with_it(session: AsyncSession) -> None:
    kept = await trace.enqueue(session, "x", "kept")
    savepoint = await session.begin_nested()
    await trace.enqueue(session, "x", "dropped")
    await savepoint.rollback()
    await session.commit()
    assert [job.id for job in (await session.exec(select(Job))).all()] == [kept.id]


async def test_a_wrong_type_fails_in_the_callers_face(session: AsyncSession) -> None:
    with pytest.raises(ValidationError, match=r"the arguments of slow\nseconds"):
        await slow.enqueue(session, "x", seconds="3")  # type: ignore[arg-type]


async def test_a_missing_or_unknown_argument_fails_in_the_callers_face(
    session: AsyncSession,
) -> None:
    with pytest.raises(TypeError, match="line"):
        await trace.enqueue(session, "x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        await trace.enqueue(session, "x", "y", colour="red")  # type: ignore[call-arg]


def test_a_signature_that_cannot_be_stored_fails_at_import() -> None:
    with pytest.raises(TypeError, match="needs a type"):

        @task
        async def untyped(user_id) -> None: ...  # type: ignore[no-untyped-def]

    with pytest.raises(TypeError, match="name each one"):

        @task
        async def variadic(*args: int) -> None: ...


async def test_using_sets_time_priority_and_queue(session: AsyncSession) -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    job = await trace.using(run_after=later, priority=50, queue="mail").enqueue(session, "x", "y")
    assert (job.run_after, job.rank, job.queue) == (later, -50, "mail")
    delayed = await trace.using(run_after=timedelta(hours=1)).enqueue(session, "x", "y")
    assert delayed.run_after - delayed.created_at > timedelta(minutes=59)


def test_using_refuses_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="time zone"):
        trace.using(run_after=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="priority"):
        trace.using(priority=101)


def test_a_task_can_be_called_as_the_function_it_is() -> None:
    calls = []

    @task
    def add(a: int, b: int) -> int:
        calls.append((a, b))
        return a + b

    assert add(1, b=2) == 3
    assert calls == [(1, 2)]


def test_tasks_of_the_slices_are_found_by_name() -> None:
    assert get_task("app.accounts.tasks.send_welcome_email").queue == "mail"


async def test_what_json_cannot_carry_fails_in_the_callers_face(session: AsyncSession) -> None:
    with pytest.raises(TypeError, match="would not be the same"):
        await secretive.enqueue(session, SecretStr("hidden"))


@pytest.mark.parametrize("ratio", [float("nan"), float("inf")])
async def test_nor_does_a_number_that_is_none(session: AsyncSession, ratio: float) -> None:
    with pytest.raises(TypeError, match="would not be the same"):
        await scale.enqueue(session, ratio)


async def test_nor_does_text_that_is_none(session: AsyncSession) -> None:
    with pytest.raises(TypeError, match="would not be the same"):
        await trace.enqueue(session, "x", "half of a pair: \ud800")


async def test_an_engine_that_fails_does_not_fail_the_commit(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_jobs: object) -> None:
        raise RuntimeError("broker away")

    monkeypatch.setattr(engines.current(), "committed", fail)
    await trace.enqueue(session, "x", "y")
    await session.commit()
    assert len((await session.exec(select(Job))).all()) == 1
