"""A small application that is built on kit alone: it knows no accounts."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import kit

KIT = Path(kit.__path__[0])
SETTINGS = """
    from kit.settings import Settings, load

    settings = load(Settings)
"""
MAIN = """
    from uuid import UUID

    from fastapi import HTTPException
    from kit.application import create_app

    from app.settings import settings


    async def operator() -> str:
        return "the boss"


    async def user_id() -> UUID:
        raise HTTPException(401)


    app = create_app(settings=settings, operator=operator, user_id=user_id{hooks})
"""
PAGES = """
    from fastapi import APIRouter, Request
    from kit.web import page
    from starlette.responses import Response

    router = APIRouter()


    @router.get("/tea")
    async def tea() -> dict[str, str]:
        return {"tea": "hot"}


    @router.get("/card")
    async def card(request: Request) -> Response:
        return page(request, "shop/card.html")


    @router.get("/broken")
    async def broken() -> None:
        raise RecursionError("of a library")
"""
ASK = """
    import asyncio
    import json
    import sys

    from app.main import app
    from httpx2 import ASGITransport, AsyncClient


    async def main():
        async with app.router.lifespan_context(app):
            transport = ASGITransport(app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url="http://testserver") as client:
                answer = await client.get(sys.argv[1])
        return {"status": answer.status_code, "text": answer.text, "headers": dict(answer.headers)}


    print(json.dumps(asyncio.run(main())))
"""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]


@dataclass(frozen=True)
class SmallApp:
    """A project with `app/shop/`, and nothing else."""

    folder: Path

    def write(self, path: str, text: str, **fillings: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        code = dedent(text)
        file.write_text(code.format(**fillings) if fillings else code, encoding="utf-8")

    def hook(self, before: str = "", *, arguments: str = "", after: str = "") -> None:
        """Write `app/main.py` with these lines around `create_app`, and these arguments of it."""
        main = dedent(MAIN).format(hooks=f", {arguments}" if arguments else "")
        text = f"{dedent(before)}\n{main}\n{dedent(after)}"
        (self.folder / "app" / "main.py").write_text(text, encoding="utf-8")

    def run(self, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
        settings = {
            "PYTHONPATH": f"{self.folder}{os.pathsep}{KIT.parent}",
            "ENVIRONMENT": "test",
            "SECRET_KEY": "only-for-tests-and-the-same-for-all-of-them",
            "DATABASE_URL": f"sqlite:///{self.folder}/app.db",
            "MAIL_URL": "memory://",
            "TASKS_ENGINE": "immediate",
        }
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **settings, **env},
            capture_output=True,
            encoding="utf-8",
        )

    def manage(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return self.run("-c", "from kit.cli import main; main()", *arguments, **env)

    def get(self, path: str, **env: str) -> Answer:
        """The answer of the running application, as a server would give it."""
        done = self.run("-c", dedent(ASK), path, **env)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return Answer(**answer)

    def complaint(self) -> str:
        """Why the application does not start: the last line that it writes."""
        done = self.run("-c", "import app.main")
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]
