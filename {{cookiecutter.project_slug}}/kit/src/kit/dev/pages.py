"""Looking at mail without sending any: `/dev/mailbox` and `/dev/emails`; absent in production."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from kit.dev.mailbox import Mailbox
from kit.dev.previews import BrokenEmail, cards, faults, preview
from kit.dev.reading import Letter
from kit.mail.errors import NoSuchMessage
from kit.mail.transports import transport_for
from kit.mail.transports.file import Folder
from kit.settings import settings
from kit.web.rendering import page

router = APIRouter(prefix="/dev", include_in_schema=False)

View = Literal["html", "text", "links", "headers", "source"]
Scheme = Literal["light", "dark"]

# A mail holds what strangers typed. In its frame it has an origin of its own and runs no
# script, whatever it contains; its links open in new tabs, which are free of the sandbox.
FRAME = {
    "Content-Security-Policy": (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
        "style-src 'unsafe-inline'; img-src https: data:; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
}


def get_mailbox() -> Mailbox | None:
    """The folder of MAIL_URL; None when mail goes elsewhere."""
    transport = transport_for(settings.mail_url)
    return Mailbox(transport.path) if isinstance(transport, Folder) else None


def get_existing_mailbox(mailbox: Annotated[Mailbox | None, Depends(get_mailbox)]) -> Mailbox:
    if mailbox is None:
        raise NoSuchMessage("Nothing is kept: MAIL_URL is not mailbox://.")
    return mailbox


MailboxDep = Annotated[Mailbox, Depends(get_existing_mailbox)]


@router.get("/mailbox")
def show_mailbox(
    request: Request, mailbox: Annotated[Mailbox | None, Depends(get_mailbox)], q: str = ""
) -> HTMLResponse:
    # The stamp first: what arrives while the list is read is then announced, not missed.
    stamp = mailbox.stamp() if mailbox else ""
    return page(
        request,
        "dev/mailbox.html",
        kept=mailbox is not None,
        entries=mailbox.newest(words=q) if mailbox else [],
        words=q,
        stamp=stamp,
        scheme=settings.mail_url.partition(":")[0],
    )


@router.get("/mailbox/events", response_class=EventSourceResponse)
async def announce_changes(
    mailbox: MailboxDep, since: str = "", last_event_id: Annotated[str, Header()] = ""
) -> AsyncIterator[ServerSentEvent]:
    """Tell the page once that the mailbox differs from what it shows; the browser asks again.

    It looks at the folder, so it sees what worker processes send. It gives up after 5 s,
    upon which the browser reconnects: a server that reloads waits for open answers.
    """
    for _ in range(20):
        stamp = await anyio.to_thread.run_sync(mailbox.stamp)
        if stamp != (last_event_id or since):
            yield ServerSentEvent(raw_data="changed", id=stamp, retry=250)
            return
        await anyio.sleep(0.25)
    yield ServerSentEvent(comment="nothing new", retry=250)


@router.post("/mailbox/clear")
def clear_mailbox(mailbox: MailboxDep) -> RedirectResponse:
    mailbox.clear()
    return RedirectResponse("/dev/mailbox", status_code=303)


@router.get("/mailbox/{id}")
def show_message(
    request: Request, id: str, mailbox: MailboxDep, view: View = "html", scheme: Scheme = "light"
) -> HTMLResponse:
    entry = mailbox.get(id)
    return _message(request, entry.letter, view, scheme, arrived=entry.arrived, faults=[])


@router.get("/mailbox/{id}/frame")
def show_message_frame(id: str, mailbox: MailboxDep, scheme: Scheme = "light") -> HTMLResponse:
    return _frame(mailbox.get(id).letter, scheme)


@router.get("/mailbox/{id}/files/{number}")
def download_file(id: str, number: int, mailbox: MailboxDep) -> Response:
    return _file(mailbox.get(id).letter, number)


@router.post("/mailbox/{id}/delete")
def delete_message(id: str, mailbox: MailboxDep) -> RedirectResponse:
    mailbox.delete(id)
    return RedirectResponse("/dev/mailbox", status_code=303)


@router.get("/emails")
def show_emails(request: Request) -> HTMLResponse:
    return page(request, "dev/emails.html", cards=cards())


@router.get("/emails/{name}")
def show_email(
    request: Request, name: str, view: View = "html", scheme: Scheme = "light"
) -> HTMLResponse:
    try:
        letter = preview(name)
    except BrokenEmail as error:
        return page(request, "dev/broken.html", status_code=error.status, error=error)
    return _message(request, letter, view, scheme, arrived=None, faults=faults(name, letter))


@router.get("/emails/{name}/frame")
def show_email_frame(name: str, scheme: Scheme = "light") -> HTMLResponse:
    return _frame(preview(name), scheme)


@router.get("/emails/{name}/files/{number}")
def download_sample_file(name: str, number: int) -> Response:
    return _file(preview(name), number)


def _message(
    request: Request, letter: Letter, view: View, scheme: Scheme, **context: Any
) -> HTMLResponse:
    url = request.url.path
    return page(
        request, "dev/message.html", url=url, letter=letter, view=view, scheme=scheme, **context
    )


def _frame(letter: Letter, scheme: Scheme) -> HTMLResponse:
    """The HTML part as a document of its own, in the light that was asked for.

    A page can't tell its frames which colours the reader prefers, so the condition is decided
    here.
    """
    head, tag, rest = letter.html.partition("<head>")
    extra = f'<base target="_blank"><style>:root {{ color-scheme: {scheme} !important }}</style>'
    html = head + tag + extra + rest if tag else extra + head
    for name in ("light", "dark"):
        condition = "(min-width: 0)" if name == scheme else "(max-width: 0)"
        html = re.sub(rf"\(prefers-color-scheme:\s*{name}\)", condition, html)
    return HTMLResponse(html, headers=FRAME)


def _file(letter: Letter, number: int) -> Response:
    """An attachment to keep, never to be shown: here it would run in the name of this site."""
    if not 1 <= number <= len(letter.files):
        raise NoSuchMessage("The message has no such attachment.")
    file = letter.files[number - 1]
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.safe_name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(file.content, media_type="application/octet-stream", headers=headers)
