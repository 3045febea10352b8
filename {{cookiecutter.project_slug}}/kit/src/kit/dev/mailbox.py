"""The development mailbox: the folder that `transports.Folder` writes, read again."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from kit.dev.reading import Letter
from kit.mail.errors import NoSuchMessage

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Entry:
    """One message in the list."""

    id: str
    arrived: datetime
    letter: Letter


@dataclass(frozen=True)
class Mailbox:
    """The messages in a folder. Another process may add to it at any time."""

    path: Path

    def newest(self, limit: int = 200, words: str = "") -> list[Entry]:
        """The newest first; with `words`, those of the last 2,000 that contain them all."""
        files = sorted(self._files(), reverse=True)[: 2_000 if words else limit]
        found = (_entry(path, modified) for modified, path in files if path.exists())
        return list(islice((entry for entry in found if entry.letter.contains(words)), limit))

    def get(self, id_: str) -> Entry:
        """Raises NoSuchMessage, also for what is no id of ours."""
        for modified, path in self._files():
            if path.stem == id_:
                return _entry(path, modified)
        raise NoSuchMessage("It may have been deleted in the meantime.")

    def delete(self, id_: str) -> None:
        """Forget one message; one that is gone already is no error."""
        for _, path in self._files():
            if path.stem == id_:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        for _, path in self._files():
            path.unlink(missing_ok=True)

    def stamp(self) -> str:
        """Changes whenever a message arrives, is replaced or is deleted."""
        times = [modified for modified, _ in self._files()]
        return f"{len(times)}-{max(times, default=0)}"

    def _files(self) -> Iterator[tuple[int, Path]]:
        """When each message arrived (ns), and its file; files of other names are not ours."""
        for path in self.path.glob("*.eml"):
            if _ID.fullmatch(path.stem):
                with suppress(FileNotFoundError):  # deleted just now, from another window
                    yield path.stat().st_mtime_ns, path


def _entry(path: Path, modified: int) -> Entry:
    arrived = datetime.fromtimestamp(modified / 1e9, UTC)
    return Entry(path.stem, arrived, Letter.parse(path.read_bytes()))
