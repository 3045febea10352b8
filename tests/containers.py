"""Reads Dockerfile and compose.yaml, and does what they say without a container."""

import json
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from conftest import succeed

SHUTDOWN_TIMEOUT = 20
"""Seconds; the setting's default."""
HOME = "/srv"
"""The one folder that our Dockerfile works in; every stage finds it at the same path."""


@dataclass
class Image:
    folder: Path
    env: dict[str, str]
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)


def build(project: Path, folder: Path, env: dict[str, str]) -> Image:
    """Build below `folder`. Fails where `docker build` would; but users and mounts mean nothing."""
    context = _context(project, folder / "context")
    stages: dict[str, Path] = {}
    image, name = Image(folder / "srv", dict(env)), ""
    for word, rest in instructions((project / "Dockerfile").read_text()):
        rest = rest.replace(HOME, str(image.folder))
        match word:
            case "FROM":
                if name:  # moved away, since scripts in it name their interpreter's path
                    stages[name] = image.folder.rename(folder / name)
                name = rest.partition(" AS ")[2] or "last"
                image = Image(folder / "srv", dict(env))
                image.folder.mkdir()
            case "ENV":
                for variable in shlex.split(rest):
                    key, _, value = variable.partition("=")
                    image.env[key] = value.replace("$PATH", image.env["PATH"])
            case "COPY":
                _copy(shlex.split(rest), context, stages, image.folder)
            case "RUN" if rest.startswith("groupadd "):
                pass  # this machine's users are none of ours
            case "RUN":
                command = re.sub(r"--mount=\S+", "", rest)
                quickly = image.env | {"UV_COMPILE_BYTECODE": "0"}
                succeed("sh", "-euc", command, cwd=image.folder, env=quickly)
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.healthcheck = json.loads(rest.partition("CMD ")[2])
            case "ARG" | "WORKDIR" | "USER" | "EXPOSE":
                pass
            case _:
                raise NotImplementedError(word)
    return image


def instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in whole.splitlines())]


def _context(project: Path, context: Path) -> Path:
    """What Docker gets to see: here .dockerignore keeps everything out, and names exceptions."""
    context.mkdir()
    for line in (project / ".dockerignore").read_text().splitlines():
        source, target = project / line[1:], context / line[1:]
        if line.startswith("!") and source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif line.startswith("!") and source.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    return context


def _copy(words: list[str], context: Path, stages: dict[str, Path], folder: Path) -> None:
    options = dict(word[2:].split("=") for word in words if word.startswith("--"))
    *patterns, target = [word for word in words if not word.startswith("--")]
    if target.endswith("/"):
        (folder / target).mkdir(exist_ok=True)
    for pattern in patterns:
        if "from" in options:
            sources = [stages[options["from"]] / Path(pattern).relative_to(folder)]
        else:
            sources = list(context.glob(pattern))
            assert sources or "*" in pattern, f"{pattern} is not there to be copied"
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, folder / target, symlinks=True)
            else:
                shutil.copy(source, folder / target)


def compose(project: Path) -> dict[str, Any]:
    """compose.yaml with its variables filled in, as from the project's `.env`."""
    text = (project / "compose.yaml").read_text()
    values = {"POSTGRES_PASSWORD": "secret", "COMPOSE_PROJECT_NAME": project.name}
    filled_in = re.sub(
        r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda m: values.get(m[1]) or m[2] or "", text
    )
    loaded: dict[str, Any] = yaml.safe_load(filled_in)
    return loaded
