"""`manage mail`: e-mails, from the command line."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kit.cli.running import run

Outcome = Literal["sent", "retrying", "refused", "failed"]

mail = typer.Typer(no_args_is_help=True, help="How e-mails look, and whether they were sent.")


@mail.command()
def screenshots(
    folder: Annotated[Path, typer.Argument(help="Where to put them.")] = Path("var/screenshots"),
) -> None:
    """Take pictures of every e-mail: light and dark, on a desktop and on a phone."""
    from kit.dev.screenshots import BrowserMissing, take

    try:
        for picture in take(folder):
            typer.echo(picture)
    except BrowserMissing as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None


@mail.command()
def log(
    to: Annotated[str | None, typer.Option(help="Only what went to this address.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only what ended like this.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many, the newest first.")
    ] = 50,
) -> None:
    """List each try to send an e-mail: when, outcome, to whom, which, and the server's answer.

    It tells what was handed over. Whether it came into the inbox, only the next server knows.
    """
    from kit.mail.log import list_mail
    from kit.mail.models import MailOutcome

    wanted = MailOutcome(outcome) if outcome else None
    entries = run(lambda s: list_mail(s, recipient=to, outcome=wanted, limit=limit))
    for entry in entries:
        typer.echo(
            f"{entry.at:%Y-%m-%d %H:%M:%SZ}  {entry.outcome:<8}  {entry.recipient}  {entry.email}"
            f"  <{entry.message_id}>  {entry.answer}"
        )
    if not entries:
        typer.echo("No e-mails.", err=True)
