"""A new slice, as `manage startapp` writes it: clean, migrated and tested as it stands."""

from conftest import Bakery, succeed

SLICES = [
    ["invoices"],
    ["order_items"],
    ["people", "--model", "Person"],
    ["aardvarks"],  # its imports come before those of accounts
    ["b" + "o" * 29, "--model", "B" + "o" * 29],  # the longest name
]


def test_new_slices_are_clean_and_pass_their_tests(
    bakery: Bakery, in_place: dict[str, str]
) -> None:
    project = bakery.bake()
    manage = ("python", "-m", "app.cli")
    for slice_ in SLICES:
        succeed(*manage, "startapp", *slice_, cwd=project, env=in_place)
    succeed(*manage, "migrate", cwd=project, env=in_place)
    succeed(*manage, "makemigrations", "-m", "new slices", cwd=project, env=in_place)
    succeed(*manage, "migrate", cwd=project, env=in_place)

    succeed("ruff", "check", cwd=project, env=in_place)
    succeed("ruff", "format", "--check", cwd=project, env=in_place)
    succeed("mypy", cwd=project, env=in_place)
    tests = [f"tests/{name}" for name, *_ in SLICES]
    assert f"{8 * len(SLICES)} passed" in succeed("pytest", *tests, cwd=project, env=in_place)
    succeed("pytest", "tests/test_migrations.py", cwd=project, env=in_place)
