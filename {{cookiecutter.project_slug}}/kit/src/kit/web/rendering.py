"""HTML pages, from the Jinja templates of every slice."""

from functools import cache
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from kit.discovery import folders
from kit.settings import settings
from kit.web.flashing import forget_flash, read_flash
from kit.web.static import static

if TYPE_CHECKING:
    from jinja2 import Environment


def page(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,  # whatever the template asks for
) -> HTMLResponse:
    """Render `<slice>/<name>.html`; pass the signed-in `user`, if any, for the navigation.

    Pages are never cached: after signing out, the back button must not show the account.
    """
    message = read_flash(request)
    context = {"user": None, **context, "request": request, "flash": message}
    html = _environment().get_template(template).render(context)
    response = HTMLResponse(html, status_code, {"Cache-Control": "no-store", **(headers or {})})
    if message:
        forget_flash(response)
    return response


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folders("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=not settings.is_production,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"settings": settings, "static": static}
    return environment
