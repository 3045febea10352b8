"""Where owners hook in, seen in a small application of their own that knows no accounts."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

from inside.small_app import ASK, PAGES, SETTINGS, SmallApp


@pytest.fixture
def app(tmp_path: Path) -> SmallApp:
    app = SmallApp(tmp_path)
    app.write("app/__init__.py", "")
    app.write("app/settings.py", SETTINGS)
    app.write("app/shop/__init__.py", "")
    app.write("app/shop/pages.py", PAGES)
    app.hook()
    return app


def test_an_application_needs_no_accounts(app: SmallApp) -> None:
    assert json.loads(app.get("/tea").text) == {"tea": "hot"}


def test_own_middleware_surrounds_kits(app: SmallApp) -> None:
    app.hook(
        """
        class Stamp:
            def __init__(self, app):
                self.app = app

            async def __call__(self, scope, receive, send):
                async def stamped(message):
                    if message["type"] == "http.response.start":
                        names = sorted(name.decode() for name, _ in message["headers"])
                        message["headers"].append((b"x-seen", ",".join(names).encode()))
                    await send(message)

                await self.app(scope, receive, stamped)
        """,
        after="app.add_middleware(Stamp)",
    )
    assert "content-security-policy" in app.get("/tea").headers["x-seen"]


def test_own_lifespan_is_entered_before_jobs_run_and_left_after_them(app: SmallApp) -> None:
    app.hook(
        """
        from contextlib import asynccontextmanager

        from fastapi import Request
        from kit.tasks import Background


        @asynccontextmanager
        async def lifespan(app):
            app.state.rate = 7
            yield
            print(f"left, with {app.state.done}")


        async def work(app):
            app.state.done = f"{app.state.rate} done"
        """,
        arguments="lifespan=lifespan",
        after="""
        @app.get("/rate")
        async def rate(request: Request, background: Background) -> int:
            background.after_response(work, request.app, shield=True)
            return request.app.state.rate
        """,
    )
    done = app.run("-c", dedent(ASK), "/rate")
    assert done.stdout.splitlines()[0] == "left, with 7 done"
    assert json.loads(done.stdout.splitlines()[1])["text"] == "7"


@pytest.mark.parametrize("kind", ["RecursionError", "Exception"])
def test_own_exception_handler_answers(app: SmallApp, kind: str) -> None:
    app.hook(
        """
        from starlette.responses import PlainTextResponse


        async def answer(request, error):
            return PlainTextResponse(f"sorry: {error}", 418)
        """,
        after=f"app.add_exception_handler({kind}, answer)",
    )
    answer = app.get("/broken")
    assert (answer.status, answer.text) == (418, "sorry: of a library")


def test_without_one_the_answer_is_a_problem_that_tells_nothing(app: SmallApp) -> None:
    answer = app.get("/broken")
    assert answer.status == 500
    assert "library" not in answer.text


def test_own_sources_join_the_content_security_policy(app: SmallApp) -> None:
    sources = '{"img-src": ["https://images.example.com"], "object-src": ["https://a.example"]}'
    app.hook(arguments=f"content_security_policy={sources}")
    policy = app.get("/tea").headers["content-security-policy"]
    assert "img-src 'self' data: https://images.example.com;" in policy
    assert "object-src https://a.example;" in policy
    assert "default-src 'self';" in policy


@pytest.mark.parametrize(
    "sources",
    [
        '{"img-src": "https://images.example.com"}',
        '{"img-src": ["https://images.example.com; script-src *"]}',
        '{"img-src": ["https://a.example https://b.example"]}',
        '{"img-src\\\\r\\\\nX-Evil: yes": ["*"]}'.replace("\\\\", "\\"),
    ],
)
def test_what_would_end_the_policy_is_refused(app: SmallApp, sources: str) -> None:
    app.hook(arguments=f"content_security_policy={sources}")
    assert "content_security_policy: img-src" in app.run("-c", "import app.main").stderr


OWN_SETTING = """
    from typing import Annotated

    from kit.settings import Settings as KitSettings
    from kit.settings import load
    from pydantic import Field


    class Settings(KitSettings):
        shop_seats: Annotated[int, Field(ge=1)]


    settings = load(Settings)
"""


def test_an_own_setting_is_read_from_the_environment(app: SmallApp) -> None:
    app.write("app/settings.py", OWN_SETTING)
    program = "from kit.settings import settings; print(settings.shop_seats)"
    assert app.run("-c", program, SHOP_SEATS="12").stdout == "12\n"


@pytest.mark.parametrize(
    ("env", "complaint"),
    [
        ({}, "SHOP_SEATS: Field required"),
        ({"SHOP_SEATS": "many"}, "SHOP_SEATS: Input should be a valid integer"),
        ({"SHOP_SEATS": "0"}, "SHOP_SEATS: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_own_setting_stops_the_start_with_one_line(
    app: SmallApp, env: dict[str, str], complaint: str
) -> None:
    app.write("app/settings.py", OWN_SETTING)
    stderr = app.run("-c", "import app.main", **env).stderr
    assert stderr.startswith(complaint)
    assert stderr.count("\n") == 1


def test_settings_that_are_not_loaded_are_named(app: SmallApp) -> None:
    app.write("app/settings.py", "from kit.settings import Settings\n")
    app.write("app/main.py", "from kit.settings import settings\n")
    assert app.complaint() == (
        "app/settings.py: must load the settings: `settings = load(Settings)`"
    )


def test_an_own_command_is_one_of_manage(app: SmallApp) -> None:
    app.write(
        "app/shop/commands.py",
        '''
        import typer
        from kit.cli import manage, run


        @manage.command()
        def close_shop(day: str) -> None:
            """Close the shop for a day."""
            typer.echo(run(lambda db: _close(day)))


        async def _close(day: str) -> str:
            from kit.errors import AppError

            if day == "sunday":
                raise AppError("On Sundays it is closed anyway.")
            return f"Closed on {day}."
        ''',
    )
    assert app.manage("close-shop", "monday").stdout == "Closed on monday.\n"
    refused = app.manage("close-shop", "sunday")
    assert (refused.returncode, refused.stderr) == (1, "On Sundays it is closed anyway.\n")
    assert "Close the shop for a day." in app.manage("--help").stdout


@pytest.mark.parametrize("file", ["commands", "pages", "tasks"])
def test_a_file_that_can_not_be_imported_is_named_with_its_line(app: SmallApp, file: str) -> None:
    app.write(f"app/shop/{file}.py", "\n\nraise RuntimeError('no tea')\n")
    done = app.manage("check")
    assert done.stderr.splitlines()[-1] == f"app/shop/{file}.py, line 3: RuntimeError: no tea"
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_own_template_wins_over_kits(app: SmallApp) -> None:
    app.write("app/web/templates/web/docs.html", "our own docs at {{ openapi_url }}")
    assert app.get("/docs").text == "our own docs at /openapi.json"


def test_own_static_file_wins_over_kits(app: SmallApp) -> None:
    app.write("app/shop/templates/shop/card.html", "{{ static('admin.css') }}")
    theirs = app.get("/card").text
    app.write("app/shop/static/admin.css", "body { color: teal }\n")
    ours = app.get("/card").text
    assert ours.startswith("/static/admin.css?v=")
    assert ours != theirs
    assert app.get(ours).text == "body { color: teal }\n"


def test_own_route_wins_over_kits(app: SmallApp) -> None:
    app.write("app/shop/api.py", PAGES.replace('"/tea"', '"/healthz"'))
    assert json.loads(app.get("/healthz").text) == {"tea": "hot"}
