"""Finds what the folders of `app` and of kit bring, so that nothing has to be registered anywhere.

A folder of `app` is found by the names of its files: `models`, `tasks`, `emails`, `api`, `pages`,
`admin`, `commands`, `dev`, and by its folders `templates` and `static`. What `app` brings comes
first, and so wins over what kit has under the same name.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

PACKAGES = ("app", "kit")
NAMES = ("models", "tasks", "emails", "api", "pages", "admin", "commands", "dev")


class BrokenModule(ImportError):
    """A module of the application that can't be imported; the message names its path."""


@cache
def root(package: str = "app") -> Path:
    """The folder of the package."""
    return Path(import_module(package).__path__[0])


@cache
def slices(package: str = "app") -> dict[str, list[str]]:
    """The packages directly below this one, and the modules of each, all sorted.

    Raises BrokenModule for a folder with code that Python would not take for a package.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(root(package).glob("*/*.py")):
        found.setdefault(path.parent.name, []).append(path.stem)
    for slice_, names in found.items():
        if "__init__" not in names:
            raise BrokenModule(f"{package}/{slice_}/ needs an __init__.py; an empty one is enough")
    return found


def modules(name: str, *packages: str) -> Iterator[ModuleType]:
    """Import and yield `<slice>.<name>` of every slice, and what ends in `_<name>`.

    packages: where to look; in `app` and in kit, if not said.

    So a `pages.py` that has grown too long becomes `pages.py` and `password_pages.py`.
    Raises BrokenModule.
    """
    for package in packages or PACKAGES:
        for slice_, names in slices(package).items():
            for module in names:
                if module == name or module.endswith(f"_{name}"):
                    yield _import(f"{package}.{slice_}.{module}")


def optional_module(name: str) -> ModuleType | None:
    """Import and return `app.<name>`; None if there is no such module. Raises BrokenModule."""
    return _import(f"app.{name}") if find_spec(f"app.{name}") else None


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except Exception as error:  # importing runs any code
        path = Path(*name.split(".")).with_suffix(".py")
        frames = extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename.endswith(str(path))]
        where = f"{path.as_posix()}, line {lines[-1]}" if lines else path.as_posix()
        raise BrokenModule(f"{where}: {type(error).__name__}: {error}") from error


def folders(name: str) -> list[Path]:
    """The folder `<name>` of every folder of `app`, then of kit, also where it may yet be made.

    So a slice's first template is found by a server that was running before.
    """
    return [
        path / name
        for package in PACKAGES
        for path in sorted(root(package).iterdir())
        if path.is_dir() and path.name != "__pycache__"
    ]


def misnamed() -> Iterator[str]:
    """One line for each file of `app` whose name is nearly one that is looked for."""
    nearly = {name.removesuffix("s"): name for name in NAMES} | {"page": "pages", "apis": "api"}
    for slice_, modules_ in slices().items():
        for module in modules_:
            for wrong, right in nearly.items():
                if wrong != right and (module == wrong or module.endswith(f"_{wrong}")):
                    better = f"{module.removesuffix(wrong)}{right}.py"
                    yield f"app/{slice_}/{module}.py: nothing looks for this name; {better}?"
