import traceback

import pytest
from kit.tasks.redaction import error_class, redacted


class Strange(Exception):
    pass


def raised(error: Exception) -> str:
    try:
        raise error
    except Exception:
        return traceback.format_exc()


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (raised(Strange("password: hunter2\nsecret: hush")), "Strange"),
        (raised(KeyError("hush")), "KeyError"),
        (raised(TimeoutError()), "TimeoutError"),
        (raised(ExceptionGroup("hush", [ValueError("hush")])), "ExceptionGroup"),
        ("Discard: the user hush is gone", "Discard"),
        ("its worker died: hush", "WorkerDied"),
        ("cancelled", "cancelled"),
        ("", "Error"),
        ("half of a hush:\n  File", "Error"),
        ("hush: " * 4_000, "Error"),
    ],
)
def test_of_an_error_no_more_than_its_class_is_told(error: str, name: str) -> None:
    assert error_class(error) == name


def test_a_class_with_a_strange_name_gives_none_of_its_message_away() -> None:
    class Local(Exception):
        pass

    assert error_class(raised(Local("what?\nhush: hush"))) == "Error"


def test_of_a_chain_of_errors_it_is_the_last_one() -> None:
    try:
        try:
            raise KeyError("hush")
        except KeyError as error:
            raise Strange from error
    except Strange:
        assert error_class(traceback.format_exc()) == "Strange"


def test_what_is_called_a_secret_is_blanked_however_deep() -> None:
    arguments = {"user": 1, "apiKey": "hush", "steps": [{"reset_token": "hush", "at": None}]}
    assert redacted(arguments) == {
        "user": 1,
        "apiKey": "[redacted]",
        "steps": [{"reset_token": "[redacted]", "at": None}],
    }


def test_tokens_in_urls_are_blanked() -> None:
    assert redacted("https://x.example/?a=1&token=hush b") == (
        "https://x.example/?a=1&token=[redacted] b"
    )
