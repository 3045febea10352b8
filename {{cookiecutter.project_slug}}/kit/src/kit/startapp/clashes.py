"""Whether the names of a new slice are free: on disk, in its own code, in the application."""

import io
import tokenize
from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from starlette.routing import Match

from kit.startapp.names import BadName, Names


def refuse_clashes(names: Names, root: Path, code: Iterable[str]) -> None:
    """Raises BadName for the first name that means something already; `code` is a slice's own."""
    for found in (root / "app", root / "tests"):
        for path in (found / names.slice, found / f"{names.slice}.py"):
            if path.exists():
                raise BadName(f"{path.relative_to(root)} is there already")
    if used := _words(code) & {names.Model, names.thing}:
        raise BadName(
            f"{used.pop()} means something else in the code of a slice; name the model by --model"
        )
    _refuse_table(names)
    _refuse_email(names, root)
    _refuse_path(names)


def _words(code: Iterable[str]) -> set[str]:
    """The names in Python code, without its strings, comments and attributes."""
    tokens = [
        token for source in code for token in tokenize.generate_tokens(io.StringIO(source).readline)
    ]
    return {
        token.string
        for before, token in pairwise(tokens)
        if token.type == tokenize.NAME and before.string != "."
    }


def _refuse_table(names: Names) -> None:
    from sqlmodel import SQLModel

    from kit.discovery import modules

    list(modules("models"))
    if names.slice in SQLModel.metadata.tables:
        raise BadName(f"there is a table {names.slice} already")


def _refuse_email(names: Names, root: Path) -> None:
    template = f"templates/emails/{names.thing}_added.html"
    if found := next(root.glob(f"app/*/{template}"), None):
        raise BadName(f"{found.relative_to(root)} is there already; choose another --model")


def _refuse_path(names: Names) -> None:
    app = import_module("app.main").app
    for path in (f"/{names.path}", f"/api/v1/{names.path}"):
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "root_path": ""}
        if any(route.matches(scope)[0] is not Match.NONE for route in app.router.routes):
            raise BadName(f"{path} leads somewhere already")
