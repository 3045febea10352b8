"""A file that goes with an e-mail."""

import mimetypes
import re
from pathlib import Path
from typing import Annotated, Self

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, StringConstraints

LIMIT = 7_000_000
"""Bytes of all attachments of one e-mail. On the wire they grow by 37 %, and most servers refuse
messages above 10 MB (Postfix's `message_size_limit`)."""

NAME = r"^[^\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069]+$"
"""No folder, and nothing that makes a name look like another."""
MEDIA_TYPE = r"^(application|audio|font|image|model|text|video)/[\w.+-]+$"
"""What can be encoded as bytes: not other messages (RFC 2046, 5.2.1)."""


class Attachment(BaseModel):
    """A named file in memory.

    await send(InvoiceEmail(to=…, attachments=[await Attachment.read(path)]))
    Attachment(name="invoice.pdf", content=pdf, media_type="application/pdf")
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=NAME, max_length=200)]
    content: bytes
    media_type: Annotated[str, StringConstraints(pattern=MEDIA_TYPE)]

    @classmethod
    async def read(cls, path: Path) -> Self:
        """The file at `path`; its type is told by its name.

        Raises OSError, which names a file that is missing, and ValueError for one too large.
        """
        guessed = mimetypes.guess_type(path.name)[0] or ""
        media_type = guessed if re.match(MEDIA_TYPE, guessed) else "application/octet-stream"
        content = await to_thread.run_sync(_content, path)
        return cls(name=path.name, content=content, media_type=media_type)


def too_large(size: int) -> str:
    return f"{size / 1e6:.1f} MB are too much for a mail; {LIMIT / 1e6:g} fit"


def _content(path: Path) -> bytes:
    if (size := path.stat().st_size) > LIMIT:
        raise ValueError(f"{path.name}: {too_large(size)}")
    return path.read_bytes()
