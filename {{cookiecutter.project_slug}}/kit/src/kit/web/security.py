"""What every answer tells the browser to refuse."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders

from kit.settings import settings

_POLICY = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}


def security_headers(sources: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The headers of every answer; `sources` are allowed beside our own site, by directive.

    A directive that the policy does not have yet begins with 'self'. Raises ValueError for what
    would end the directive or the header.
    """
    policy = {directive: list(allowed) for directive, allowed in _POLICY.items()}
    for directive, further in sources.items():
        if isinstance(further, str) or any(
            set("; ,\r\n") & set(it) for it in [directive, *further]
        ):
            raise ValueError(f"content_security_policy: {directive}: give a list of single sources")
        allowed = policy.setdefault(directive, ["'self'"])
        policy[directive] = [*(it for it in allowed if it != "'none'"), *further]
    headers = {
        "Content-Security-Policy": "; ".join(
            " ".join([directive, *allowed]) for directive, allowed in policy.items()
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    if settings.is_production:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def add_security_headers(headers: MutableHeaders, path: str, added: Mapping[str, str]) -> None:
    """Add what is missing; a route that set one of these headers itself knows why.

    Answers of the API are personal data, so no cache may keep them.
    """
    if path.startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
    for name, value in added.items():
        headers.setdefault(name, value)
