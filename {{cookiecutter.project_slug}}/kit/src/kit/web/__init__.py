"""Pages, forms, and what surrounds every request."""

from kit.web.devices import describe_device
from kit.web.flashing import flash
from kit.web.forms import Form, form_page, parse_form, see_other
from kit.web.hosts import require_https
from kit.web.openapi import Responses
from kit.web.rendering import page
from kit.web.signing import read_signed, sign

__all__ = [
    "Form",
    "Responses",
    "describe_device",
    "flash",
    "form_page",
    "page",
    "parse_form",
    "read_signed",
    "require_https",
    "see_other",
    "sign",
]
