"""What in an e-mail would not arrive as it was meant, by the facts in mail_clients.toml."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from kit.dev.reading import Letter
from kit.mail.markup import Element, elements, rules, without_comments

_AT_RULE = re.compile(r"@([a-z-]+)")


def complaints(letter: Letter) -> list[str]:
    """One line for each fault, without repetition; none, if all is well."""
    found = elements(letter.html)
    sources = (
        _too_large(letter.html, found),
        _language(found),
        _preheader(letter.subject, found),
        _markup(found),
        _inline_styles(found),
        _style_sheets(found),
        _images(found),
        _links(found),
        _unequal_links(letter),
    )
    return list(dict.fromkeys(line for source in sources for line in source))


@cache
def _facts() -> dict[str, dict[str, Any]]:
    path = Path(__file__).with_name("mail_clients.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _too_large(html: str, found: list[Element]) -> Iterator[str]:
    limits = _facts()["limits"]
    if (size := len(html.encode())) > limits["html"]:
        yield f"the HTML has {size:,} bytes; Gmail shows the first 102 kB only"
    for element in found:
        if element.tag == "style" and len(element.text.encode()) > limits["style"]:
            yield f"one <style> has more than {limits['style']:,} bytes; Gmail drops it"


def _language(found: list[Element]) -> Iterator[str]:
    [html] = [element for element in found if element.tag == "html"] or [Element("html", {}, 1)]
    for name in ("lang", "dir"):
        if not html.attributes.get(name):
            yield f"<html> has no {name}; screen readers and right-to-left scripts need it"


def _preheader(subject: str, found: list[Element]) -> Iterator[str]:
    for element in found:
        said = element.text.partition("\u034f")[0].strip()  # then comes what keeps the rest away
        if element.attributes.get("class") == "preheader" and said in ("", subject):
            yield "block preheader: beside its subject, lists of mails would show the same again"


def _markup(found: list[Element]) -> Iterator[str]:
    facts = _facts()
    for element in found:
        if why := facts["elements"].get(element.tag):
            yield f"<{element.tag}>: {why}"
        for name in element.attributes:
            if why := facts["attributes"].get(name):
                yield f"{name}=: {why}"
            elif name.startswith("on"):
                yield f"{name}=: no mail program runs scripts"


def _inline_styles(found: list[Element]) -> Iterator[str]:
    for element in found:
        for name, value in element.styles:
            yield from _declaration(name, value)


def _style_sheets(found: list[Element]) -> Iterator[str]:
    facts = _facts()
    for element in (element for element in found if element.tag == "style"):
        css = without_comments(element.text)
        for name in _AT_RULE.findall(css):
            if why := facts["at_rules"].get(name):
                yield f"@{name}: {why}"
        for selectors, declared in rules(css):
            for pattern, why in facts["selectors"].items():
                if re.search(pattern, selectors):
                    yield f"{selectors}: {why}"
            for name, value in declared:
                yield from _declaration(name, value)


def _declaration(name: str, value: str) -> Iterator[str]:
    facts = _facts()
    if why := facts["properties"].get(name):
        yield f"{name}: {why}"
    if (fact := facts["values"].get(name)) and re.search(fact["pattern"], value):
        yield f"{name}: {value}: {fact['why']}"
    for pattern, why in facts["anywhere"].items():
        if re.search(pattern, f"{name}: {value}"):
            yield f"{name}: {value}: {why}"


def _images(found: list[Element]) -> Iterator[str]:
    """A mail must make sense while images are blocked, as they are at first."""
    for image in (element for element in found if element.tag == "img"):
        source = image.attributes.get("src", "")
        if "alt" not in image.attributes:
            yield f"<img src={source!r}>: has no alt; leave it empty for decoration"
        if not source.startswith(("https://", "cid:")):
            yield f"<img src={source!r}>: must be https://…; Gmail shows no data: and no others"
        if not {"width", "height"} <= image.attributes.keys():
            yield f"<img src={source!r}>: needs width and height; Outlook ignores those of CSS"


def _links(found: list[Element]) -> Iterator[str]:
    for link in (element for element in found if element.tag == "a"):
        target = link.attributes.get("href", "")
        pictures = [child.attributes.get("alt", "") for child in link.children]
        if not (link.text.strip() or any(pictures)):
            yield f"<a href={target!r}>: has no text"
        if not target.startswith(("https://", "http://", "mailto:")):
            yield f"<a href={target!r}>: must be absolute; in a mail there is no page to go from"


def _unequal_links(letter: Letter) -> Iterator[str]:
    html, text = set(letter.html_links), set(letter.text_links)
    for link in sorted(html - text):
        yield f"{link}: is only in the HTML; who reads the text gets no link"
    for link in sorted(text - html):
        yield f"{link}: is only in the text"
