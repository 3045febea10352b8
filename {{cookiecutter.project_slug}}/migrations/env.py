"""Alembic's environment for your tables: kit knows the models, the database and what is kit's."""

from kit.migrations import run_environment

run_environment()
