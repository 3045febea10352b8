"""Forms of pages: read and checked by the same schemas as the API, shown again as they were."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from kit.errors import AppError
from kit.web.problems import FILL_IN, explain, field_errors_of
from kit.web.rendering import page

S = TypeVar("S", bound=BaseModel)


@dataclass
class Form(Generic[S]):
    """A form that was sent: `data` if all of it is valid, else a message per field in `errors`."""

    data: S | None = None
    values: dict[str, str] = field(default_factory=dict)
    """What to show again. Never a password."""
    errors: dict[str, str] = field(default_factory=dict)
    refusal: AppError | None = None
    """Why the domain would not have it, though each field was good."""

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows this form."""
        if self.refusal:
            return self.refusal.status
        return 422 if self.errors else 200

    @property
    def headers(self) -> dict[str, str]:
        """What a refusal adds to the answer, such as Retry-After."""
        return self.refusal.headers if self.refusal else {}

    @property
    def first_error(self) -> str | None:
        """The field to put the cursor into."""
        return next(iter(self.errors), None)

    @property
    def problem(self) -> str:
        """What is wrong with the form as a whole."""
        if self.refusal and not self.errors:
            return self.refusal.detail or self.refusal.title
        return ""

    async def refuse(self, error: AppError, db: AsyncSession) -> None:
        """Show a domain error in the form, and write nothing: the transaction is rolled back.

        Closing the session rolls back as well, and leaves what was loaded as it is, for the page
        to show.
        """
        await db.close()
        self.refusal = error
        self.errors = {e.field: e.message for e in field_errors_of(error)}


async def parse_form(request: Request, schema: type[S]) -> Form[S]:
    """Read a form and check it against `schema`; a field that the schema does not know is ignored.

    An empty box counts as absent where the field takes no text.
    """
    sent = await request.form(max_fields=100, max_files=0)
    typed = {
        name: value for name in schema.model_fields if isinstance(value := sent.get(name), str)
    }
    given = {
        name: value
        for name, value in typed.items()
        if value or _takes_text(schema.model_fields[name].annotation)
    }
    values = {name: value for name, value in typed.items() if not _is_secret(schema, name)}
    try:
        return Form(data=schema.model_validate(given), values=values)
    except ValidationError as error:
        return Form(values=values, errors=_messages(error, typed))


def form_page(
    request: Request,
    template: str,
    form: Form[Any],
    **context: Any,  # as for `page`
) -> HTMLResponse:
    """The page with a form, new or refused: then with the status and headers of the refusal."""
    return page(
        request,
        template,
        status_code=form.status,
        headers=form.headers,
        form=form,
        **context,
    )


def see_other(path: str) -> RedirectResponse:
    """Answer a form with another page, so that reloading sends nothing twice."""
    return RedirectResponse(path, status_code=303)


def _messages(error: ValidationError, typed: Mapping[str, str]) -> dict[str, str]:
    """The first message of each field. Whatever is wrong with an empty box: it is empty."""
    messages: dict[str, str] = {}
    for details in error.errors(include_url=False, include_input=False):
        name = str(details["loc"][0]) if details["loc"] else ""
        messages.setdefault(name, explain(details) if typed.get(name) else FILL_IN)
    return messages


def _takes_text(annotation: Any) -> bool:
    return annotation in (str, SecretStr) or any(map(_takes_text, get_args(annotation)))


def _is_secret(schema: type[BaseModel], name: str) -> bool:
    annotation = schema.model_fields[name].annotation
    return annotation is SecretStr or "password" in name or "token" in name
