"""The settings of the application: those of kit, and your own beside them.

A field `stripe_key: str` here is STRIPE_KEY in the environment or in `.env`.
"""

from kit.settings import Settings as KitSettings
from kit.settings import load


class Settings(KitSettings):
    """Every setting. `.env.example` explains them; one without a default has to be set."""


settings = load(Settings)
