"""Finds what the slices bring, so that a new slice has nothing to register anywhere."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import app


@cache
def slices() -> list[str]:
    """The names of the packages directly below `app`, sorted.

    Raises ImportError for a folder with code that Python would not take for a package.
    """
    for module in Path(app.__path__[0]).glob("*/*.py"):
        if not (module.parent / "__init__.py").exists():
            raise ImportError(f"app/{module.parent.name} needs an __init__.py, if an empty one")
    return sorted(module.name for module in iter_modules(app.__path__) if module.ispkg)


def modules(name: str) -> Iterator[ModuleType]:
    """Import and yield `app.<slice>.<name>` of every slice, and what ends in `_<name>`.

    So a `pages.py` that has grown too long becomes `pages.py` and `password_pages.py`.
    """
    for slice_ in slices():
        for module in iter_modules([str(Path(app.__path__[0], slice_))]):
            if module.name == name or module.name.endswith(f"_{name}"):
                yield import_module(f"app.{slice_}.{module.name}")


def folders(name: str) -> list[Path]:
    """The folder `app/<slice>/<name>` of every slice, also where it may yet be made.

    So a slice's first template is found by a server that was running before.
    """
    return [Path(app.__path__[0], slice_, name) for slice_ in slices()]
