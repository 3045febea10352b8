"""A new slice, as `manage startapp` writes it: clean, migrated and tested as it stands."""

import re

from conftest import Bakery, run, succeed

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


def test_a_model_that_changes_is_told_of_wherever_it_matters(
    bakery: Bakery, in_place: dict[str, str]
) -> None:
    project = bakery.bake()
    manage = ("python", "-m", "app.cli")
    succeed(*manage, "startapp", "gadgets", cwd=project, env=in_place)

    forgotten = run("pytest", "-n0", "tests/gadgets", cwd=project, env=in_place)
    assert "No migration makes gadgets: run `manage makemigrations`." in forgotten.stdout
    assert len(forgotten.stdout.splitlines()) < 40

    succeed(*manage, "migrate", cwd=project, env=in_place)
    succeed(*manage, "makemigrations", "-m", "gadgets", cwd=project, env=in_place)
    succeed(*manage, "migrate", cwd=project, env=in_place)
    insert = (
        "session.add(Gadget(title='', owner_id=(await session.exec(select(User))).one().id)); "
        "await session.commit()"
    )
    succeed(
        *(*manage, "createsuperuser", "--email", "ann@example.com"),
        cwd=project,
        env=in_place | {"SUPERUSER_PASSWORD": "correct horse battery staple"},
    )
    succeed(*manage, "shell", "-c", insert, cwd=project, env=in_place)
    models = project / "app" / "gadgets" / "models.py"
    models.write_text(models.read_text().replace("    title:", "    price: int\n    name:"))
    changed = run(*manage, "makemigrations", "-m", "prices", cwd=project, env=in_place)
    assert "gadgets.price: rows that exist need a value" in changed.stderr
    assert "gadgets.name: if this is title, renamed" in changed.stderr

    refused = run(*manage, "migrate", cwd=project, env=in_place)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()[-1:]
    assert re.match(r"migrate: migrations/versions/\S+_prices\.py, line \d+: .*NULL", line)
    assert "Traceback" not in refused.stderr
