"""Whether `.env` can be read: a line that the parser skips would be a setting that is lost."""

from io import StringIO
from pathlib import Path


def names(path: Path) -> set[str]:
    """The names that the file sets, in upper case; none if it can't be read."""
    from dotenv import dotenv_values

    return {name.upper() for name in dotenv_values(path)} if complaint(path) is None else set()


def complaint(path: Path) -> str | None:
    """What is wrong with the file, in one line that holds none of its values; None if all is well.

    A missing file is well: everything may come from the environment.
    """
    from dotenv.parser import parse_stream

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"{path}, line {line}: isn't UTF-8; save the file in that encoding"
    except OSError as error:
        return f"{path}: can't be read: {error.strerror}"
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            line = binding.original.line
            return f"{path}, line {line}: isn't NAME=value; is a closing quote missing?"
    return None
