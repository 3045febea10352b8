"""docs/runbook.md is read at night: what it tells to type has to exist."""

import re
from pathlib import Path

import pytest
from kit.cli import manage
from typer.main import get_command

ROOT = Path.cwd()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"uv run manage ([^`\n#|]+)", RUNBOOK)))
ID = "00000000-0000-0000-0000-000000000000"


def test_there_are_commands_in_it() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_exist_with_these_options(line: str) -> None:
    command, arguments = get_command(manage), line.split()
    context = command.make_context("manage", arguments[:1])
    while hasattr(command, "get_command"):
        command = command.get_command(context, arguments.pop(0))
        assert command, line
    command.make_context(
        "manage", [ID if word == "ID" else word for word in arguments], parent=context
    )


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", RUNBOOK))))
def test_its_settings_exist(name: str) -> None:
    assert f"{name}=" in (ROOT / ".env.example").read_text(encoding="utf-8")
