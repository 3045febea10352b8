"""The Celery application, for `app/celery.py` and your own Celery tasks."""

from kit.tasks.adapters.celery import celery_app

__all__ = ["celery_app"]
