"""Errors in the OpenAPI description, as they are really sent."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from kit.web.problems import MEDIA_TYPE, Problem

Schema = dict[str, Any]  # an OpenAPI document, or a part of one
Responses = dict[int | str, dict[str, Any]]
"""What a route's `responses=` takes: the description of each status; the schema is added here."""


def document_problems(app: FastAPI) -> None:
    """Describe every error of every operation as a Problem.

    FastAPI would promise its own HTTPValidationError for 422 and say nothing of the 400 that
    malformed JSON gets. A route lists further errors as `responses={403: {"description": …}}`.
    """
    generate: Callable[[], Schema] = app.openapi

    def openapi() -> Schema:
        schema = generate()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas or "HTTPValidationError" in schemas:
            _describe_problems(schema, schemas)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _describe_problems(schema: Schema, schemas: Schema) -> None:
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), Problem=problem)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "application/json" in operation.get("requestBody", {}).get("content", {}):
                operation["responses"].setdefault("400", {"description": "Malformed JSON"})
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = content
