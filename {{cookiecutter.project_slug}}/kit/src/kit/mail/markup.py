"""HTML taken apart as far as looking at a mail needs it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"}
_DECLARATION = re.compile(r"\s*([\w-]+)\s*:\s*([^;]+)")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Element:
    """One element; `text` is all that stands in it, `own_text` what its children do not hold."""

    tag: str
    attributes: dict[str, str]
    line: int
    parent: "Element | None" = None
    text: str = ""
    own_text: str = ""
    children: "list[Element]" = field(default_factory=list)

    @property
    def styles(self) -> list[tuple[str, str]]:
        """The properties and values of its style attribute."""
        return declarations(self.attributes.get("style", ""))

    def ancestors(self) -> Iterator["Element"]:
        """The element itself, then what it is in, up to the top."""
        element: Element | None = self
        while element:
            yield element
            element = element.parent


def elements(html: str) -> list[Element]:
    """All elements in the order of the source; comments, also Outlook's, are left out."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.found


def without_comments(css: str) -> str:
    return _COMMENT.sub("", css)


def declarations(css: str) -> list[tuple[str, str]]:
    """`color: red; margin: 0` as pairs; names in lower case, values without `!important`."""
    return [
        (name.lower(), value.replace("!important", "").strip())
        for name, value in _DECLARATION.findall(without_comments(css))
    ]


def rules(css: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The selectors and the declarations of each rule, those within @media included."""
    found = _RULE.findall(without_comments(css))
    return [(selectors.strip(), declarations(body)) for selectors, body in found]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parent = self._open[-1] if self._open else None
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, self.getpos()[0], parent)
        self.found.append(element)
        if parent:
            parent.children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in [element.tag for element in self._open]:
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
        if self._open:
            self._open[-1].own_text += data
