"""Static files of every slice, under URLs that change with their content."""

import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from kit.discovery import folders

_FOLDERS = folders("static")


def mount_static(app: FastAPI) -> None:
    """Serve each slice's `static` folder at /static, and the icon where browsers guess it to be."""
    app.mount("/static", _Assets(), name="static")
    app.add_route("/favicon.ico", _favicon, include_in_schema=False)


def static(name: str) -> str:
    """The URL of a static file, with a digest of its content; KeyError if no slice has it."""
    return f"/static/{name}?{_version(name)}"


def _version(name: str) -> str:
    for folder in _FOLDERS:
        path = folder / name
        if path.is_file():
            return f"v={_digest(path, path.stat().st_mtime_ns)}"
    raise KeyError(f"no slice has a static file {name!r}")


@lru_cache(maxsize=1024)
def _digest(path: Path, _mtime_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class _Assets(StaticFiles):
    def __init__(self) -> None:
        super().__init__()
        self.all_directories = list(_FOLDERS)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Cached for a year under the URL of `static()`; asked for again under any other.

        An old page may ask for a file that has changed since: the new one is not the old one's.
        """
        response = await super().get_response(path, scope)
        versioned = scope["query_string"] == _version(path).encode()
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if versioned else "no-cache"
        )
        return response


async def _favicon(_request: Request) -> Response:
    return RedirectResponse(static("favicon.svg"))
