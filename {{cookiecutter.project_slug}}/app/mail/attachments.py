"""A file that goes with an e-mail."""

import mimetypes
from pathlib import Path
from typing import Annotated, Self

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, StringConstraints

LIMIT = 7_000_000
"""Bytes of all attachments of one e-mail. On the wire they grow by 37 %, and most servers refuse
messages above 10 MB (Postfix's `message_size_limit`)."""

NAME = r"^[^\x00-\x1f\x7f/\\\u202a-\u202e\u2066-\u2069]+$"
"""No folder, and nothing that makes a name look like another."""


class Attachment(BaseModel):
    """A named file in memory.

    await send(InvoiceEmail(to=…, attachments=[await Attachment.read(path)]))
    Attachment(name="invoice.pdf", content=pdf, media_type="application/pdf")
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=NAME, max_length=200)]
    content: bytes
    media_type: Annotated[str, StringConstraints(pattern=r"^[\w.+-]+/[\w.+-]+$")]

    @classmethod
    async def read(cls, path: Path, *, media_type: str | None = None) -> Self:
        """The file at `path`; its type is told by its name. Raises OSError, which names it."""
        guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        content = await to_thread.run_sync(path.read_bytes)
        return cls(name=path.name, content=content, media_type=media_type or guessed)
