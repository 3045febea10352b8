"""What is sent when something goes wrong: a page for people, problem details for programs."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError, TimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount

from kit.database.sessions import is_away
from kit.errors import AppError
from kit.logging import get_logger, summary
from kit.web.openapi import document_problems
from kit.web.problems import MEDIA_TYPE, Problem, explain_all
from kit.web.rendering import page
from kit.web.security import add_security_headers

log = get_logger(__name__)

RETRY_AFTER = {"Retry-After": "5"}
"""Seconds; about as long as a database takes to start."""


def install_error_handlers(app: FastAPI) -> None:
    """Turn every exception into an answer, and say so in the OpenAPI description."""
    app.exception_handler(AppError)(_refuse)
    app.exception_handler(HTTPException)(_answer_with_status)
    app.exception_handler(RequestValidationError)(_explain_request)
    app.exception_handler(OperationalError)(_ask_to_retry)
    app.exception_handler(TimeoutError)(_ask_to_retry)
    app.exception_handler(StaleDataError)(_say_it_was_deleted)
    app.exception_handler(Exception)(_apologize)
    document_problems(app)


async def _refuse(request: Request, error: AppError) -> Response:
    return error_response(request, Problem.of_error(error), error.headers)


async def _answer_with_status(request: Request, error: HTTPException) -> Response:
    if error.status_code < 400:  # a redirect out of a dependency
        return Response(status_code=error.status_code, headers=error.headers)
    detail = error.detail if isinstance(error.detail, str) else None
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request)) or headers.get("Allow", "")
    return error_response(request, Problem.of_status(error.status_code, detail), headers)


async def _explain_request(request: Request, error: RequestValidationError) -> Response:
    return error_response(request, _invalid_request(error))


async def _ask_to_retry(request: Request, error: OperationalError | TimeoutError) -> Response:
    if not is_away(error):  # SQLite calls wrong SQL an OperationalError
        raise error
    log.error("no answer from the database", error=summary(error))
    return error_response(request, Problem.of_status(503), RETRY_AFTER)


async def _say_it_was_deleted(request: Request, _error: StaleDataError) -> Response:
    """The row was there when the request read it."""
    return error_response(request, Problem.of_status(404, "It was deleted just now."))


async def _apologize(request: Request, _error: Exception) -> Response:
    # Starlette sends this answer around the middleware, which therefore can't add its headers.
    response = error_response(request, Problem.of_status(500))
    added = getattr(request.app.state, "security_headers", {})
    add_security_headers(response.headers, request.scope["path"], added)
    return response


def _methods(request: Request) -> list[str]:
    """The methods of all routes at this path; Starlette names only those of the first."""
    routes = [route for route in request.app.router.routes if not isinstance(route, Mount)]

    def is_one(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    found = [method for method in ("DELETE", "GET", "PATCH", "POST", "PUT") if is_one(method)]
    return sorted([*found, "HEAD"]) if "GET" in found else found  # see middleware.HeadIsGet


def error_response(
    request: Request, problem: Problem, headers: dict[str, str] | None = None
) -> Response:
    """The problem as a page where a browser asks for one, else as problem details."""
    if wants_page(request):
        title, detail = _WORDS.get(problem.status, (problem.title, ""))
        return page(
            request,
            "web/error.html",
            status_code=problem.status,
            headers=headers,
            status=problem.status,
            title=title if problem.type == "about:blank" else problem.title,
            detail=problem.detail or detail,
        )
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers, media_type=MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    """The API answers in JSON whatever the client accepts; elsewhere browsers get HTML."""
    path: str = request.scope["path"]
    return not path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _invalid_request(error: RequestValidationError) -> Problem:
    errors = error.errors()
    if errors and errors[0]["type"] == "json_invalid":
        position = errors[0]["loc"][-1]
        return Problem.of_status(400, f"The body is not valid JSON (at character {position}).")
    problem = Problem.of_status(422, "Some of what was sent can't be accepted.")
    problem.errors = explain_all(errors)
    return problem


_WORDS = {
    400: ("That request makes no sense to us", "Please go back and try again."),
    401: ("Please sign in", "This page is only for people who are signed in."),
    403: ("You can't do that here", "You may need to sign in with another account."),
    404: ("There is nothing here", "The address may be mistyped, or the page has moved."),
    405: ("That does not work here", "This page can't be used in that way."),
    413: ("That is too much at once", "Please send less."),
    415: ("We can't read that", "Please send it in another format."),
    422: ("Something is not right", "Please go back and check what you filled in."),
    429: ("Slow down a little", "There were too many attempts. Please try again in a while."),
    500: ("Something went wrong", "It is our fault, not yours. Please try again in a moment."),
    503: ("Back in a moment", "The service is not available right now."),
}
