"""The contrast of words in HTML: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

import re
from collections.abc import Iterator

from css_inline import CSSInliner

from kit.mail.markup import Element, elements

AA = 4.5
"""The ratio that WCAG's level AA asks for, for text of ordinary size."""

_HEX = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})")
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{((?:[^{}]*\{[^{}]*\})*)\s*\}")
_OUTLOOK = re.compile(r'(<style data-css-inline="keep">)(.*?)(</style>)', re.DOTALL)


def in_the_dark(html: str) -> str:
    """Return the e-mail as readers who prefer dark see it, by `prefers-color-scheme`."""
    [rules] = _DARK.findall(html)
    return CSSInliner(extra_css=rules).inline(html)


def in_dark_outlook(html: str) -> str:
    """Return the e-mail as Outlook on the web shows it, which marks what it darkens."""
    [(_, rules, _)] = _OUTLOOK.findall(html)
    return CSSInliner(extra_css=re.sub(r"\[data-ogs[bc]\] ", "", rules)).inline(html)


def too_faint(html: str) -> list[str]:
    """Return each text below AA, with its colors."""
    return [
        f"{words!r}: {front} on {back} is {ratio(front, back):.2f}"
        for words, front, back in _texts(html)
        if ratio(front, back) < AA
    ]


def ratio(front: str, back: str) -> float:
    lighter, darker = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _texts(html: str) -> Iterator[tuple[str, str, str]]:
    """Yield the words of each visible element, their color, and the color behind them."""
    for element in elements(html):
        words = " ".join(element.own_text.split())
        inside = {ancestor.tag for ancestor in element.ancestors()}
        if not words or "body" not in inside or _style(element, "display") == "none":
            continue
        front, back = _inherited(element, "color"), _inherited(element, "background-color")
        if front and back:
            yield words[:40], front, back


def _inherited(element: Element, name: str) -> str:
    found = (_style(ancestor, name) for ancestor in element.ancestors())
    return next(filter(None, found), "")


def _style(element: Element, name: str) -> str:
    return dict(element.styles).get(name, "")


def _luminance(color: str) -> float:
    match = _HEX.fullmatch(color)
    assert match, f"{color} is not written as #rrggbb"
    red, green, blue = (_linear(int(part, 16) / 255) for part in match.groups())
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
