"""`manage startapp`: what it calls things, what it refuses, and that it writes all or nothing.

That a new slice passes its own tests is seen where that is cheap: with the template.
"""

import ast
from pathlib import Path

import pytest
from kit.cli import manage
from kit.startapp.clashes import refuse_clashes
from kit.startapp.names import BadName, Names
from kit.startapp.writing import render, write_slice
from typer.testing import CliRunner


@pytest.mark.parametrize(
    ("slice_", "model", "thing", "path"),
    [
        ("invoices", "Invoice", "invoice", "invoices"),
        ("order_items", "OrderItem", "order_item", "order-items"),
        ("categories", "Category", "category", "categories"),
        ("press", "Press", "press", "press"),
        ("addresses", "Address", "address", "addresses"),
        ("tax_boxes", "TaxBox", "tax_box", "tax-boxes"),
        ("mp3s", "Mp3", "mp3", "mp3s"),
    ],
)
def test_all_names_follow_from_the_one(slice_: str, model: str, thing: str, path: str) -> None:
    names = Names.of(slice_)
    assert (names.Model, names.thing, names.path) == (model, thing, path)


def test_the_model_can_be_named() -> None:
    assert Names.of("people", "Person").thing == "person"


@pytest.mark.parametrize(
    ("slice_", "model", "reason"),
    [
        ("", None, "no valid one"),
        ("Invoices", None, "no valid one"),
        ("order-items", None, "no valid one"),
        ("1st", None, "no valid one"),
        ("_private", None, "no valid one"),
        ("../secrets", None, "no valid one"),
        ("größen", None, "no valid one"),
        ("x" * 31, None, "31 characters"),
        ("class", None, "keyword"),
        ("match", None, "keyword"),
        ("json", None, "standard library"),
        ("people", "person", "the model 'person' is no valid one"),
        ("people", "None", "keyword"),
    ],
)
def test_a_senseless_name_is_refused(slice_: str, model: str | None, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        Names.of(slice_, model)


@pytest.mark.parametrize(
    ("slice_", "model", "reason"),
    [
        ("accounts", None, "app/accounts is there already"),
        ("settings", None, "app/settings.py is there already"),
        ("browser", None, "tests/browser is there already"),
        ("users", None, "means something else"),
        ("sessions", None, "means something else"),
        ("titles", None, "means something else"),
        ("owners", None, "name the model by --model"),
        ("login_sessions", None, "there is a table login_sessions already"),
        ("login", None, "/login leads somewhere already"),
        ("healthz", None, "/healthz leads somewhere already"),
    ],
)
def test_what_would_clash_is_refused(slice_: str, model: str | None, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        write_slice(Names.of(slice_, model))


def test_a_word_after_a_dot_is_no_clash() -> None:
    """`unicodedata.category` is in the code of a slice."""
    refuse_clashes(Names.of("categories"), Path("nowhere"), ["unicodedata.category(c)"])


def test_two_slices_cannot_share_a_template(tmp_path: Path) -> None:
    write_slice(Names.of("invoices"), root=tmp_path)
    with pytest.raises(BadName, match=r"emails/invoice_added\.html is there already"):
        write_slice(Names.of("bills", "Invoice"), root=tmp_path)


def test_the_files_of_a_slice_lie_where_slices_have_them(tmp_path: Path) -> None:
    write_slice(Names.of("order_items"), root=tmp_path)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert written >= {
        "app/order_items/__init__.py",
        "app/order_items/models.py",
        "app/order_items/templates/order_items/list.html",
        "app/order_items/templates/emails/order_item_added.html",
        "app/order_items/templates/emails/order_item_added.txt",
        "tests/order_items/test_order_items.py",
    }


def test_an_existing_folder_is_left_as_it_is(tmp_path: Path) -> None:
    precious = tmp_path / "app" / "invoices" / "precious.py"
    precious.parent.mkdir(parents=True)
    precious.touch()
    with pytest.raises(BadName):
        write_slice(Names.of("invoices"), root=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [precious]


@pytest.mark.parametrize(("slice_", "model"), [("blog", None), ("x" * 30, "X" * 30)])
def test_whatever_the_names_the_code_is_python(slice_: str, model: str | None) -> None:
    for path, text in render(Names.of(slice_, model)).items():
        if path.suffix == ".py":
            ast.parse(text)
        assert "$" not in text


def test_the_command_complains_in_one_line() -> None:
    result = CliRunner().invoke(manage, ["startapp", "class"])
    assert result.exit_code == 1
    assert result.stderr == "startapp: class is a Python keyword.\n"
