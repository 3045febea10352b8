"""A new slice, as `manage startapp` writes it: clean, migrated and tested as it stands."""

import re
from collections.abc import Callable
from pathlib import Path

from conftest import Bakery, Env, run, succeed

SLICES = [
    ["invoices"],
    ["order_items"],
    ["people", "--model", "Person"],
    ["aardvarks"],  # its imports come before those of accounts
    ["b" + "o" * 29, "--model", "B" + "o" * 29],  # the longest name
]


def test_new_slices_are_clean_and_pass_their_tests(
    bakery: Bakery, env_of: Callable[[Path], Env]
) -> None:
    project = bakery.bake()
    env = env_of(project)
    for slice_ in SLICES:
        succeed("manage", "startapp", *slice_, cwd=project, env=env)
    succeed("manage", "migrate", cwd=project, env=env)
    succeed("manage", "makemigrations", "-m", "new slices", cwd=project, env=env)
    succeed("manage", "migrate", cwd=project, env=env)

    succeed("ruff", "check", cwd=project, env=env)
    succeed("ruff", "format", "--check", cwd=project, env=env)
    succeed("mypy", cwd=project, env=env)
    tests = [f"tests/{name}" for name, *_ in SLICES]
    assert f"{8 * len(SLICES)} passed" in succeed("pytest", *tests, cwd=project, env=env)
    succeed("pytest", "tests/test_migrations.py", cwd=project, env=env)


def test_a_model_that_changes_is_told_of_wherever_it_matters(
    bakery: Bakery, env_of: Callable[[Path], Env]
) -> None:
    project = bakery.bake()
    env = env_of(project)
    succeed("manage", "startapp", "gadgets", cwd=project, env=env)

    forgotten = run("pytest", "-n0", "tests/gadgets", cwd=project, env=env)
    assert "No migration makes gadgets: run `manage makemigrations`." in forgotten.stdout
    assert len(forgotten.stdout.splitlines()) < 40

    succeed("manage", "migrate", cwd=project, env=env)
    succeed("manage", "makemigrations", "-m", "gadgets", cwd=project, env=env)
    succeed("manage", "migrate", cwd=project, env=env)
    insert = (
        "db.add(Gadget(title='', owner_id=(await db.exec(select(User))).one().id)); "
        "await db.commit()"
    )
    succeed(
        *("manage", "createsuperuser", "--email", "ann@example.com"),
        cwd=project,
        env=env | {"SUPERUSER_PASSWORD": "correct horse battery staple"},
    )
    succeed("manage", "shell", "-c", insert, cwd=project, env=env)
    models = project / "app" / "gadgets" / "models.py"
    models.write_text(models.read_text().replace("    title:", "    price: int\n    name:"))
    changed = run("manage", "makemigrations", "-m", "prices", cwd=project, env=env)
    assert "gadgets.price: rows that exist need a value" in changed.stderr
    assert "gadgets.name: if this is title, renamed" in changed.stderr

    refused = run("manage", "migrate", cwd=project, env=env)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()[-1:]
    assert re.match(r"migrate: migrations/versions/\S+_prices\.py, line \d+: .*NULL", line)
    assert "Traceback" not in refused.stderr
