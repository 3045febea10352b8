"""`manage mail`: a look at e-mails from the command line."""

from pathlib import Path
from typing import Annotated

import typer

mail = typer.Typer(no_args_is_help=True, help="Look at e-mails.")


@mail.command()
def screenshots(
    folder: Annotated[Path, typer.Argument(help="Where to put them.")] = Path("var/screenshots"),
) -> None:
    """Take pictures of every e-mail: light and dark, on a desktop and on a phone."""
    from app.mail.screenshots import BrowserMissing, take

    try:
        for picture in take(folder):
            typer.echo(picture)
    except BrowserMissing as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
