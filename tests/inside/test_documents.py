"""The documents of a project say what is true: their code runs, their links and commands exist."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import kit
import pytest
from kit.cli import load_commands, manage
from kit.discovery import root
from kit.settings import Settings
from typer.main import get_command

from inside.documents import COMMAND, LINK, anchors_of, blocks_of, prose_of, run_document

ROOT = root().parent
TEMPLATE = Path(__file__).parents[2]
KIT = Path(kit.__path__[0])
FOUND = [TEMPLATE / "README.md", ROOT / "README.md"]
FOUND += [*sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("kit/docs/*.md"))]
TEXTS = {path: path.read_text(encoding="utf-8") for path in FOUND}
IMPORT = re.compile(r"^ *from kit\.(\w+) import ([\w, ]+|\([^)]+\))", re.MULTILINE)
ID = "00000000-0000-0000-0000-000000000000"


def name_of(path: Path) -> str:
    inside = path.is_relative_to(ROOT)
    return path.relative_to(ROOT).as_posix() if inside else f"template/{path.name}"


def in_documents(find: Callable[[str], list[str]]) -> pytest.MarkDecorator:
    """A parameter for each text that `find` returns of a document, beside the document's path."""
    found = [(path, it) for path, text in TEXTS.items() for it in dict.fromkeys(find(text))]
    ids = [f"{name_of(path)} {it}" for path, it in found]
    return pytest.mark.parametrize(("path", "text"), found, ids=ids)


def links_in(text: str) -> list[str]:
    return ["#".join(link) for link in LINK.findall(prose_of(text)) if ":" not in link[0]]


RUNNING = [path for path, text in TEXTS.items() if blocks_of(text)]
if find_spec("celery") is None:  # the project grows into another engine
    RUNNING.remove(ROOT / "kit" / "docs" / "celery.md")


@pytest.mark.parametrize("path", RUNNING, ids=name_of)
def test_the_code_of_a_document_runs(path: Path, tmp_path: Path) -> None:
    if said := run_document(path, ROOT, tmp_path):
        pytest.fail(said, pytrace=False)


def test_there_is_code_to_run() -> None:
    assert sum(len(blocks_of(text)) for text in TEXTS.values()) > 30


@in_documents(COMMAND.findall)
def test_a_command_in_a_document_exists_with_these_options(path: Path, text: str) -> None:
    load_commands()
    command, arguments = get_command(manage), shlex.split(text)
    context = command.make_context("manage", arguments[:1])
    while hasattr(command, "get_command"):
        command = command.get_command(context, arguments.pop(0))
        assert command, f"{path}: {text}"
    typed = [ID if word == "ID" else word for word in arguments]
    for asked in (param for param in command.params if getattr(param, "prompt", None)):
        typed += [asked.opts[0], "ada@example.com"]
    command.make_context("manage", typed, parent=context)


@in_documents(links_in)
def test_a_relative_link_leads_to_a_file_and_a_heading(path: Path, text: str) -> None:
    place, _, anchor = text.partition("#")
    place = place.replace("%7B%7B", "{{").replace("%7D%7D", "}}")
    target = (path.parent / place).resolve() if place else path
    assert target.exists()
    assert not anchor or anchor in anchors_of(target.read_text(encoding="utf-8"))


def public_names() -> Iterator[tuple[str, str]]:
    """Each package of kit, with the names in its `__all__`, read without importing any."""
    for path in sorted([*KIT.glob("*.py"), *KIT.glob("*/__init__.py")]):
        package = path.parent.name if path.name == "__init__.py" else path.stem
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                yield from ((package, name) for name in ast.literal_eval(node.value))


def imported_names() -> Iterator[tuple[str, str]]:
    """What the application and a new slice import from each package of kit."""
    files = [*(ROOT / "app").rglob("*.py"), *(KIT / "startapp" / "slice").rglob("*.py.tmpl")]
    for path in files:
        for package, names in IMPORT.findall(path.read_text(encoding="utf-8")):
            for name in filter(str.strip, names.strip("()").split(",")):
                yield package, name.split()[0]


NAMES = sorted({*public_names(), *imported_names()})


@pytest.mark.parametrize(("package", "name"), NAMES, ids=map(".".join, NAMES))
def test_a_public_name_of_kit_is_documented(package: str, name: str) -> None:
    """In backticks, on a page that names its package."""
    pages = [prose_of(it) for path, it in TEXTS.items() if path.parent == ROOT / "kit" / "docs"]
    about = [page for page in pages if re.search(rf"`kit\.{package}\b", page)]
    assert any(re.search(rf"`@?{name}\b", page) for page in about)


@pytest.mark.parametrize("setting", sorted(map(str.upper, Settings.model_fields)))
def test_a_setting_of_kit_is_in_the_readme(setting: str) -> None:
    assert f"`{setting}`" in TEXTS[ROOT / "README.md"]


def found_in_kit(pattern: str, *globs: str) -> set[str]:
    files = [path for glob in globs for path in KIT.glob(glob) if "vendor" not in path.parts]
    return {it for path in files for it in re.findall(pattern, path.read_text(encoding="utf-8"))}


BLOCK = r"{% block (\w+)"
OF_THE_LAYOUT = [
    ("web/layout.html", block) for block in found_in_kit(BLOCK, "[adw]*/templates/[adw]*/*.html")
]
OF_THE_LAYOUT += [
    (f"mail/layout.{kind}", block)
    for kind in ("html", "txt")
    for block in found_in_kit(BLOCK, f"*/templates/emails/*.{kind}")
]


@pytest.mark.parametrize(("layout", "block"), sorted(OF_THE_LAYOUT))
def test_a_block_that_kit_fills_is_in_the_layout_and_documented(layout: str, block: str) -> None:
    folder, _, _ = layout.partition("/")
    if block != "admin":  # admin/layout.html, kit's own, has it
        path = ROOT / "app" / folder / "templates" / layout
        assert f"{{% block {block} %}}" in path.read_text(encoding="utf-8")
    page = "admin" if block == "admin" else folder
    assert block in (ROOT / "kit" / "docs" / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(found_in_kit(r"var\((--(?!pico)[\w-]+)", "*/static/*.css")))
def test_a_color_that_kit_takes_from_the_look_is_there_and_documented(name: str) -> None:
    look = (ROOT / "app" / "web" / "static" / "app.css").read_text(encoding="utf-8")
    assert f"{name}:" in look
    assert f"`{name}`" in (ROOT / "kit" / "docs" / "web.md").read_text(encoding="utf-8")
