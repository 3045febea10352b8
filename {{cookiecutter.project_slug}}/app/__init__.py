"""The application. What every such application needs is in `kit/`, which `app` builds on."""

from importlib.util import find_spec

if find_spec("kit") is None or find_spec("kit.settings") is None:
    raise SystemExit(
        "kit is missing: restore the folder kit/ (git checkout kit), then run `uv sync`."
    )


def manage() -> None:
    """Run the command `manage`."""
    from kit.cli import main

    main()
