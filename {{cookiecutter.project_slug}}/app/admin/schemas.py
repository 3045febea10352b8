"""What comes in and what goes out."""

from typing import Annotated

from pydantic import StringConstraints

SearchText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^\x00]*$")
]
"""PostgreSQL can't be asked for a NUL."""
