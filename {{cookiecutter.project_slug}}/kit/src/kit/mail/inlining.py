"""Moves styles into the elements, once for each layout and not for each e-mail.

Mail programs drop much of `<style>`, so each rule has to go into the elements that it matches.
That takes three times as long as the rest of rendering (0.4 ms), and a recipient's name does not
change the result. So templates mark the values that they fill in (`mark`). What is left without
them is the layout, which is inlined once, with numbers for the values.
"""

import re
from functools import lru_cache

from css_inline import CSSInliner

START, END = "\ufdd0", "\ufdd1"
"""Around each value: code points that Unicode reserves for such internal use."""
LAYOUTS = 256
"""How many are remembered; each takes about ten kilobytes."""

_VALUE = re.compile(f"{START}([^{START}{END}]*){END}")
_MARKS = re.compile(f"[{START}{END}]")
_UNSTYLED = re.compile(r"""\b(?:href|src|alt|title)\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
"""Attributes whose values no selector of an e-mail looks at."""
_STYLED = re.compile(f"<style[^<]*{START}|<[^<>]*{START}")
"""A value within `<style>` or within a tag."""
_inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def mark(value: object) -> object:
    """Mark a value, which Jinja then escapes. HTML that a template made is part of the layout."""
    if hasattr(value, "__html__"):
        return value
    text = str(value)
    return f"{START}{text if text.isascii() else _MARKS.sub('', text)}{END}"


def inline(marked: str) -> str:
    """The HTML without marks, as if it had been inlined whole."""
    pieces = _VALUE.split(marked)
    layout, values = tuple(pieces[::2]), pieces[1::2]
    inlined = _inlined(layout)
    if inlined is None:
        return _inliner.inline(_MARKS.sub("", marked))
    html, order = inlined
    return html[0] + "".join(values[n] + piece for n, piece in zip(order, html[1:], strict=True))


@lru_cache(LAYOUTS)
def _inlined(layout: tuple[str, ...]) -> tuple[list[str], list[int]] | None:
    """The inlined HTML in pieces, and the numbers of the values between them.

    None if the values may decide on styles, or a filter has cut one apart from its mark.
    """
    if _MARKS.search("".join(layout)):
        return None
    first, *others = layout
    numbered = first + "".join(f"{START}{n}{END}{piece}" for n, piece in enumerate(others))
    if _STYLED.search(_UNSTYLED.sub("", numbered)):
        return None
    pieces = _VALUE.split(_inliner.inline(numbered))
    return pieces[::2], [int(number) for number in pieces[1::2]]
