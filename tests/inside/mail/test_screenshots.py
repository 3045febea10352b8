import os
import sys
from pathlib import Path

import pytest
from kit.cli.mail import mail
from kit.dev.screenshots import SCHEMES, WIDTHS
from kit.testing.forked import python
from typer.testing import CliRunner

FOUR = """
import sys
from itertools import islice
from pathlib import Path
from kit.dev.screenshots import BrowserMissing, take
try:
    list(islice(take(Path.cwd()), 4))
except BrowserMissing as error:
    sys.exit(f"missing: {error}")
"""


def test_without_playwright_one_line_says_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    result = CliRunner().invoke(mail, ["screenshots", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.strip() == (
        "playwright is missing: uv run --group browser manage mail screenshots"
    )


@pytest.mark.service
def test_each_email_is_taken_at_two_widths_light_and_dark(tmp_path: Path) -> None:
    """In a process of its own: Playwright's loop bears no other beside it."""
    result = python(FOUR, dict(os.environ), folder=tmp_path)
    if result.returncode and result.stderr.startswith("missing: "):
        pytest.skip(result.stderr.strip())
    assert result.returncode == 0, result.stderr
    names = {picture.stem.partition("-")[2] for picture in tmp_path.glob("*.png")}
    assert names == {f"{width}-{scheme}" for width in WIDTHS for scheme in SCHEMES}
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in tmp_path.iterdir())
