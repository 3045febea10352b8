"""What is wrong with the templates of e-mails, found before one is sent."""

from collections.abc import Iterable, Iterator

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from kit.mail.catalog import all_emails
from kit.mail.email import SHARED, Email
from kit.mail.rendering import html_templates, render, text_templates


def problems(emails: Iterable[type[Email]] | None = None) -> list[str]:
    """One line for each template that can't be rendered, or some day could not.

    A variable that no field fills is found in branches, too, which the sample does not take.
    """
    return [line for email in emails or all_emails() for line in _problems(email)]


def _problems(email: type[Email]) -> Iterator[str]:
    found = False
    for environment, ending in ((html_templates(), "html"), (text_templates(), "txt")):
        for line in _unreadable(email, environment, f"emails/{email.template}.{ending}"):
            found = True
            yield line
    if found:
        return
    try:
        render(email.sample())
    except Exception as error:  # a template runs any code, a sample too
        yield f"{email.__name__}: {type(error).__name__}: {error}"


def _unreadable(email: type[Email], environment: Environment, name: str) -> Iterator[str]:
    assert environment.loader  # noqa: S101
    try:
        tree = environment.parse(environment.loader.get_source(environment, name)[0])
    except TemplateNotFound:
        yield f"{name}: {email.__name__} needs this template"
    except TemplateSyntaxError as error:
        yield f"{name}, line {error.lineno}: {error.message}"
    else:
        known = {*email.model_fields, *SHARED, "subject", *_imported(tree)}
        for variable in sorted(find_undeclared_variables(tree) - known):
            yield f"{name}: {email.__name__} has no {variable!r}"


def _imported(tree: nodes.Template) -> Iterator[str]:
    """What Jinja itself, looking at one block at a time, forgets."""
    for imported in tree.find_all(nodes.FromImport):
        yield from (entry if isinstance(entry, str) else entry[1] for entry in imported.names)
    yield from (node.target for node in tree.find_all(nodes.Import))
    yield from (node.name for node in tree.find_all(nodes.Macro))
    yield from (node.name for node in tree.find_all(nodes.Name) if node.ctx == "store")
