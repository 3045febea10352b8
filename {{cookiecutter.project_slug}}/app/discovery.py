"""Finds what the slices bring, so that a new slice has nothing to register anywhere."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import app


@cache
def slices() -> dict[str, list[str]]:
    """The packages directly below `app`, and the modules of each, all sorted.

    Raises ImportError for a folder with code that Python would not take for a package.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(Path(app.__path__[0]).glob("*/*.py")):
        found.setdefault(path.parent.name, []).append(path.stem)
    for slice_, names in found.items():
        if "__init__" not in names:
            raise ImportError(f"app/{slice_} needs an __init__.py, if an empty one")
    return found


def modules(name: str) -> Iterator[ModuleType]:
    """Import and yield `app.<slice>.<name>` of every slice, and what ends in `_<name>`.

    So a `pages.py` that has grown too long becomes `pages.py` and `password_pages.py`.
    """
    for slice_, names in slices().items():
        for module in names:
            if module == name or module.endswith(f"_{name}"):
                yield import_module(f"app.{slice_}.{module}")


def folders(name: str) -> list[Path]:
    """The folder `app/<slice>/<name>` of every slice, also where it may yet be made.

    So a slice's first template is found by a server that was running before.
    """
    return [Path(app.__path__[0], slice_, name) for slice_ in slices()]
