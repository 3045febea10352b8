"""Alembic's environment for kit's own tables."""

from kit.migrations import run_environment

run_environment()
