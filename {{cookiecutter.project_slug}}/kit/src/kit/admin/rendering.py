"""The pages of /admin, and their words for times."""

import json
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from kit.database import utcnow
from kit.discovery import modules
from kit.tasks.models import headline
from kit.tasks.redaction import redacted
from kit.web.rendering import page

MENU = (("/admin", "Overview"), ("/admin/jobs", "Jobs"), ("/admin/mails", "E-mails"))
_UNITS = {"d": 86_400, "h": 3_600, "min": 60}


def admin_page(
    request: Request,
    template: str,
    **context: Any,  # as for `page`
) -> HTMLResponse:
    """Render a page with what all templates of /admin may use."""
    context |= {"ago": ago, "duration": duration, "as_json": as_json}
    context |= {"redacted": redacted, "headline": headline}
    return page(request, template, user=request.state.operator, menu=menu(), **context)


def menu() -> list[tuple[str, str]]:
    """The path and title of each page of /admin: ours, then those that `app` brings."""
    return [*MENU, *((module.router.prefix, module.title) for module in modules("admin", "app"))]


def duration(span: timedelta) -> str:
    """In the largest unit that fits: `3 d`, `2 h`, `4 min`, `12 s`, `35 ms`."""
    seconds = span.total_seconds()
    for unit, size in _UNITS.items():
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def ago(time: datetime) -> str:
    """`4 min ago`, `in 2 h`, or `just now`."""
    passed = utcnow() - time
    if abs(passed) < timedelta(seconds=1):
        return "just now"
    return f"{duration(passed)} ago" if passed > timedelta(0) else f"in {duration(-passed)}"


def as_json(value: Any) -> str:  # whatever JSON can hold
    """For reading, without secrets."""
    return json.dumps(redacted(value), indent=2, ensure_ascii=False)
