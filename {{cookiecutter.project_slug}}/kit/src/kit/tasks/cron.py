"""Cron lines, read as crontab(5) does.

APScheduler computes the times, but means two things otherwise: it counts weekdays from Monday,
and takes a line with a day of the month and a weekday for those days that are both.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""By number: cron has two for Sunday, 0 and 7."""

_PART = re.compile(r"(\*|\d+|[a-z]+)(?:-(\d+|[a-z]+))?(?:/(\d+))?", re.IGNORECASE)


def cron_trigger(line: str, timezone: str) -> "BaseTrigger":
    """The times that `minute hour day month weekday` names; either kind of day will do.

    Raises ValueError for a senseless line, LookupError for an unknown time zone.
    """
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    fields = line.split()
    if len(fields) != 5:
        raise ValueError(f"{line!r} needs five fields: minute hour day month weekday")
    minute, hour, day, month, weekday = fields
    names = _names(weekday)

    def on(day: str, weekday: str) -> CronTrigger:
        return CronTrigger(None, month, day, None, weekday, hour, minute, timezone=timezone)

    if day.startswith("*") or weekday.startswith("*"):
        return on(day, names)
    return OrTrigger([on(day, "*"), on("*", names)])


def _names(field: str) -> str:
    """A field of weekdays by their names."""
    numbers: set[int] = set()
    for part in field.split(","):
        if not (match := _PART.fullmatch(part)):
            raise ValueError(f"{part!r} is no weekday: sun to sat, 0 to 7, or a range of them")
        first, last, step = match.groups()
        begin = 0 if first == "*" else _number(first)
        end = _number(last) if last else 6 if first == "*" or step else begin
        end = 7 if last and end == 0 else end  # fri-sun
        if begin > end:
            raise ValueError(f"{part!r} ends before it begins")
        numbers |= {number % 7 for number in range(begin, end + 1, int(step or 1))}
    return ",".join(WEEKDAYS[number] for number in sorted(numbers))


def _number(day: str) -> int:
    if day.lower() in WEEKDAYS:
        return WEEKDAYS.index(day.lower())
    if day.isdecimal() and int(day) < len(WEEKDAYS):
        return int(day)
    raise ValueError(f"{day!r} is no weekday: sun to sat, or 0 to 7, which are both Sunday")
