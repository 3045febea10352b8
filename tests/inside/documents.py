"""Code blocks of Markdown documents: what they are, and how they are run.

A block whose first line names a file (`# app/shop/models.py`) is written to that file, in a copy of
the project. The other Python blocks of a document run in order, in one namespace, with `await` at
the top level. A block below `<!-- not run: reason -->` only shows something.

As a program, this file runs the blocks of one document in the current folder.
"""

import ast
import asyncio
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from inspect import iscoroutine
from pathlib import Path
from typing import Any

BLOCK = re.compile(
    r"(?P<skipped><!-- not run: [^\n]+ -->\n+)?^```(?P<language>python|jinja)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FILE = re.compile(r"(?:# |\{# )((?:app|tests)/[\w./-]+)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
COMMAND = re.compile(r"(?:uv run |\.venv/bin/)manage ([a-z][^`\n#|…]*)")


@dataclass(frozen=True)
class Block:
    """One piece of code, and the line of the document where it begins."""

    code: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that the block shows, if it names one."""
        named = FILE.match(self.code)
        return named[1] if named else None


def blocks_of(text: str) -> list[Block]:
    """The blocks of a document that claim to run."""
    return [
        Block(found["code"], text.count("\n", 0, found.start("code")) + 1)
        for found in BLOCK.finditer(text)
        if not found["skipped"] and (found["language"] == "python" or FILE.match(found["code"]))
    ]


def prose_of(text: str) -> str:
    """The document without its code blocks."""
    return FENCE.sub("", text)


def anchors_of(text: str) -> set[str]:
    """The fragments that lead to the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def copy_project(source: Path, target: Path) -> None:
    """Copy what the owner of the project writes; kit stays where it is."""
    for name in ("app", "migrations", "tests"):
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "pyproject.toml", target)


def write_files(blocks: list[Block], project: Path) -> list[Path]:
    """Write the blocks that show files; a new folder becomes a package. Return the files."""
    files = {project / block.file: block.code for block in blocks if block.file}
    for path, code in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
        if path.suffix == ".py":
            (path.parent / "__init__.py").touch()
    return [*files]


def run_document(document: Path, root: Path, project: Path) -> str:
    """Run a document in a copy of the project at `root`; return what went wrong, or nothing."""
    import kit

    blocks = blocks_of(document.read_text(encoding="utf-8"))
    copy_project(root, project)
    written = write_files(blocks, project)
    tests = [path for path in written if path.name.startswith("test_")]
    manage = [sys.executable, "-c", "from app import manage; manage()"]
    commands = [[sys.executable, "-P", __file__, str(document)]]
    if any(path.name == "models.py" for path in written):
        making = [*manage, "makemigrations", "--message", "of the document"]
        commands = [[*manage, "migrate"], making, *commands]
    if tests:
        pytest = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
        commands.append([*pytest, *map(str, tests)])
    for command in commands:
        done = subprocess.run(
            command,
            cwd=project,
            env=_environment(project, Path(kit.__path__[0]).parent),
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            return f"{done.stdout}\n{done.stderr}"
    return ""


def _environment(project: Path, kit: Path) -> dict[str, str]:
    """What a test of the project sets, with a database of the document's own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "TESTS_", "TEST_"))  # they may name another database
    }
    return inherited | {
        "PYTHONPATH": f"{project}{os.pathsep}{kit}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ENVIRONMENT": "test",
        "DATABASE_URL": f"sqlite:///{project}/documents.db",
        "RATE_LIMITS": "on",
    }


def run_blocks(document: Path) -> None:
    """Run the blocks that show no file, as if they were one program."""
    namespace: dict[str, Any] = {"__name__": document.stem}
    with asyncio.Runner() as runner:
        for block in blocks_of(document.read_text(encoding="utf-8")):
            if block.file is None:
                code = "\n" * (block.line - 1) + block.code  # so a traceback names the line
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                result = eval(compile(code, str(document), "exec", flags), namespace)
                if iscoroutine(result):
                    runner.run(result)


if __name__ == "__main__":
    from kit.migrations import migrate

    migrate()
    run_blocks(Path(sys.argv[1]))
