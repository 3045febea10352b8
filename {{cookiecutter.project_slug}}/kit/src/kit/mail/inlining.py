"""Styles moved into the elements, once for each layout and not for each mail.

Mail programs drop much of `<style>`, so each rule goes into the elements that it fits. That
takes longer than all the rest of a mail, and what somebody is called does not change it. So
templates mark what they fill in (`mark`); what is left without it is the layout, which is
inlined when it is first seen, with numbers for the values. A condition or a loop that comes
out differently makes another layout.
"""

import re
from functools import lru_cache

from css_inline import CSSInliner

START, END = "\ufdd0", "\ufdd1"
"""Around each value on its way here: code points that Unicode keeps out of any text."""
LAYOUTS = 256
"""How many are remembered; each takes about ten kilobytes."""

_VALUE = re.compile(f"{START}([^{START}{END}]*){END}")
_MARKS = re.compile(f"[{START}{END}]")
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*["'][^"']*$""")
_WITHOUT_STYLE = {"href", "src", "alt", "title"}
"""Attributes whose values no selector of a mail asks for."""
_inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def mark(value: object) -> object:
    """Mark a value, which Jinja then escapes. HTML from within a template is layout, no value."""
    if hasattr(value, "__html__"):
        return value
    text = str(value)
    return f"{START}{text if text.isascii() else _MARKS.sub('', text)}{END}"


def inline(marked: str) -> str:
    """The HTML without marks, as if it had been inlined whole."""
    pieces = _VALUE.split(marked)
    layout, values = tuple(pieces[::2]), pieces[1::2]
    if _is_marked("".join(layout)):  # a filter has cut a value and its mark in two
        return _inliner.inline(_MARKS.sub("", marked))
    html, order = _inlined(layout, tuple(values[n] for n in _shaping(layout)))
    filled = [""] * (len(html) + len(order))
    filled[::2] = html
    filled[1::2] = [values[number] for number in order]
    return "".join(filled)


def _is_marked(html: str) -> bool:
    return START in html or END in html


@lru_cache(LAYOUTS)
def _inlined(layout: tuple[str, ...], shaping: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """The inlined HTML in pieces, and the numbers of the values that stand between them."""
    fixed = dict(zip(_shaping(layout), shaping, strict=True))
    numbered = [layout[0]]
    for number, piece in enumerate(layout[1:]):
        numbered += fixed.get(number, f"{START}{number}{END}"), piece
    pieces = _VALUE.split(_inliner.inline("".join(numbered)))
    return pieces[::2], [int(number) for number in pieces[1::2]]


@lru_cache(LAYOUTS)
def _shaping(layout: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of the values that rules may depend on: they stay part of the layout.

    Such are all in `<style>`, and in tags all but those of a few attributes.
    """
    html, found = "", []
    for number, piece in enumerate(layout[:-1]):
        html += piece
        tag = html[html.rfind("<") :]
        if ">" in tag:
            free = html.rfind("<style") <= html.rfind("</style")
        else:
            attribute = _ATTRIBUTE.search(tag)
            free = attribute is not None and attribute[1].lower() in _WITHOUT_STYLE
        if not free:
            found.append(number)
    return tuple(found)
