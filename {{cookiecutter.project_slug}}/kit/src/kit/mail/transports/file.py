"""file:///folder keeps each message as an .eml file, which any mail program opens."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote

from anyio import to_thread

if TYPE_CHECKING:
    from kit.mail.message import Message


def transport(url: SplitResult) -> Folder:
    if url.netloc or not url.path.startswith("/") or not url.path.strip("/"):
        raise ValueError("file:// needs an absolute folder, as in file:///var/spool/mails")
    return Folder(Path(unquote(url.path)))


@dataclass(frozen=True)
class Folder:
    """The file's name comes from the Message-ID: a message that is sent again replaces itself,
    as mail programs, too, show it once.
    """

    path: Path

    async def send(self, message: Message) -> str:
        return await to_thread.run_sync(self._write, message)

    def _write(self, message: Message) -> str:
        self.path.mkdir(0o700, parents=True, exist_ok=True)
        name = f"{sha256(message.message_id.encode()).hexdigest()[:32]}.eml"
        with NamedTemporaryFile(dir=self.path, prefix=".", delete=False) as file:
            file.write(message.raw)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.path / name)
        return f"kept as {name}"
