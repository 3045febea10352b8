"""Writes the files of a new slice, or none of them."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template

from kit import discovery
from kit.startapp.clashes import refuse_clashes
from kit.startapp.names import Names

SOURCES = Path(__file__).parent / "slice"


def write_slice(names: Names, root: Path | None = None) -> list[Path]:
    """Write `app/<slice>/` and `tests/<slice>/` below `root`, else the project; return the folders.

    Raises BadName, before anything is written, if the names clash with what is there.
    """
    root = root or discovery.root().parent
    example = render(Names("xs", "X"))
    refuse_clashes(names, root, [text for path, text in example.items() if path.suffix == ".py"])
    for path, text in render(names).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    folders = [root / "app" / names.slice, root / "tests" / names.slice]
    _tidy(folders)
    return folders


def render(names: Names) -> dict[Path, str]:
    """Each file of the slice: its path below the project, and its text."""
    files = {}
    for source in sorted(SOURCES.rglob("*.tmpl")):
        top, *rest = source.relative_to(SOURCES).with_suffix("").parts
        path = "/".join([top, "SLICE", *rest])
        path = path.replace("SLICE", names.slice).replace("THING", names.thing)
        text = Template(source.read_text(encoding="utf-8"))
        files[Path(path)] = text.substitute(names.substitutions())
    return files


def _tidy(folders: list[Path]) -> None:
    """The order of imports, and where lines break, depend on the names; `make format` does this."""
    if find_spec("ruff") is None:  # a development dependency
        return
    for command in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, *map(str, folders)]
        subprocess.run(ruff, check=True)  # noqa: S603 - nothing in it was typed by a stranger
