"""Which passwords we refuse: those that a guesser tries early.

Length is what counts, and no rule asks for digits or symbols: they only make people write
"Password123!" (NIST SP 800-63B-4, 3.1.1.2; OWASP Authentication Cheat Sheet). Everything is
checked here, offline. `common_passwords.LICENSE` says where the list comes from.
"""

import gzip
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import digits, punctuation
from typing import ClassVar

from kit.errors import AppError
from kit.settings import settings


class WeakPassword(AppError):
    """A password that a guesser would try early."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "Password too easy to guess"

    def __init__(self, message: str, field: str = "password") -> None:
        super().__init__(message)
        self.errors = [{"field": field, "message": message}]


MIN_LENGTH = 12
"""NIST asks for 15 where a password is all there is, 8 beside a second factor; OWASP for more
than 8. Twelve characters that are not common cost more to guess than most accounts are worth."""
MAX_LENGTH = 128
"""Room for any passphrase (NIST asks for at least 64), and an end to what has to be hashed."""

_DECORATION = digits + punctuation + " "
_LEET = [str.maketrans("01345$@!78+", f"o{one}eassaitbt") for one in "il"]
_FEWEST_DIFFERENT = 5
_SHORTEST_CORE = 4
_RUNS = [
    run
    for line in (
        "abcdefghijklmnopqrstuvwxyzabc",
        "01234567890",
        "qwertyuiopasdfghjklzxcvbnm",
        "1q2w3e4r5t6y7u8i9o0p",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "qazwsxedcrfvtgbyhnujmikolp",
        "qwertzuiopasdfghjklyxcvbnm",
        "azertyuiopqsdfghjklmwxcvbn",
    )
    for run in (line, line[::-1])
]


def check_password(password: str, *, email: str, full_name: str = "") -> None:
    """Raises WeakPassword, with a sentence that says what to avoid."""
    text = unicodedata.normalize("NFKC", password).lower()
    if len(set(text)) < _FEWEST_DIFFERENT:
        raise WeakPassword("Use more different characters.")
    if not any(character.isalpha() for character in text):
        raise WeakPassword("Use some letters as well.")
    if _is_trivial(text):
        raise WeakPassword("This password is too common. Try a few unrelated words.")
    if _is_about(text, email, full_name):
        raise WeakPassword("Avoid your name, your e-mail address and the name of this site.")


def _is_about(text: str, email: str, full_name: str) -> bool:
    """Whether little more than names that a guesser knows is in it."""
    rest = text
    for name in _names(email, full_name):
        rest = rest.replace(name, " ")
    return rest != text and all(_is_short(piece) or _is_trivial(piece) for piece in rest.split())


def _names(*sources: str) -> list[str]:
    """The words of the sources, and each source as a whole, the longest first."""
    local_part, _, domain = sources[0].partition("@")
    names = set()
    for source in (local_part, domain, *sources[1:], settings.project_name):
        words = re.findall(r"\w+", unicodedata.normalize("NFKC", source).lower())
        names |= {*words, "".join(words), "".join(reversed(words))}
    return sorted((name for name in names if len(name) > 2), key=len, reverse=True)


def _is_trivial(text: str) -> bool:
    if text.isalnum() and _is_short(text):
        return True
    return any(core in _common() or _is_run(core) for core in set(_cores(text)))


def _is_short(text: str) -> bool:
    return len(text.strip(_DECORATION)) < _SHORTEST_CORE


def _cores(text: str) -> Iterator[str]:
    """What remains of the text without what people add: "P4ssw0rd-2026!" → "password"."""
    text = _without_repetition(text)
    for leet in _LEET:
        for word in (text.strip(_DECORATION), text.rstrip(_DECORATION)):
            for spelling in (word, word.translate(leet).strip(_DECORATION)):
                yield _without_repetition(spelling)
                yield _without_repetition(re.sub(r"[\W_]", "", spelling))


def _without_repetition(text: str) -> str:
    """The shortest text that this one repeats: "abcabc" → "abc"."""
    return text[: (text + text).find(text, 1)] if text else text


def _is_run(text: str) -> bool:
    return len(text) >= _SHORTEST_CORE and any(text in run for run in _RUNS)


@cache
def _common() -> frozenset[str]:
    packed = Path(__file__).with_name("common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split())
