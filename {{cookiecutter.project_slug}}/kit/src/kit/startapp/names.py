"""What the parts of a new slice are called, all derived from its one name."""

import keyword
import re
import sys
from dataclasses import dataclass

LONGEST = 30
"""Characters; with more the lines of the new code would outgrow the linter's 100."""


class BadName(ValueError):
    """The name of a slice or a model that would make broken code; the message says why."""


@dataclass(frozen=True)
class Names:
    """`order_items`, and all that follows from it."""

    slice: str
    """`order_items`: the folder, the module, the table."""
    Model: str
    """`OrderItem`: the class."""

    @classmethod
    def of(cls, slice_: str, model: str | None = None) -> "Names":
        """Raises BadName. A slice is called in the plural; `categories` makes a `Category`.

        Only -ies and -s are understood: other plurals (`people`) want the model's name.
        """
        _check("the name", slice_, r"[a-z][a-z0-9]*(_[a-z0-9]+)*", "lower-case letters, digits, _")
        if slice_ in sys.stdlib_module_names:
            raise BadName(f"{slice_} is a module of Python's standard library")
        model = model or "".join(word.capitalize() for word in _singular(slice_).split("_"))
        _check("the model", model, r"[A-Z][A-Za-z0-9]*", "CamelCase: letters and digits")
        return cls(slice_, model)

    def substitutions(self) -> dict[str, str]:
        """What the files of the slice are filled with."""
        return {
            "slice": self.slice,
            "Model": self.Model,
            "thing": self.thing,
            "path": self.path,
            "words": self.words,
            "Words": self.words.capitalize(),
            "thing_words": self.thing.replace("_", " "),
        }

    @property
    def thing(self) -> str:
        """`order_item`: a variable, and a part of other names."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.Model).lower()

    @property
    def words(self) -> str:
        """`order items`, for people."""
        return self.slice.replace("_", " ")

    @property
    def path(self) -> str:
        """`order-items`: where the page is, and the routes below /api/v1."""
        return self.slice.replace("_", "-")


def _singular(slice_: str) -> str:
    if slice_.endswith("ies"):
        return f"{slice_[:-3]}y"
    if re.search(r"(ss|sh|x)es$", slice_):
        return slice_.removesuffix("es")
    return slice_ if slice_.endswith("ss") else slice_.removesuffix("s")


def _check(called: str, name: str, pattern: str, allowed: str) -> None:
    if not re.fullmatch(pattern, name):
        raise BadName(f"{called} {name!r} is no valid one: it takes {allowed}")
    if len(name) > LONGEST:
        raise BadName(f"{called} {name!r} has {len(name)} characters; {LONGEST} is the most")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise BadName(f"{name} is a Python keyword")
