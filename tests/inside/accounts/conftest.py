from tests.accounts.conftest import admin, admin_client, user

__all__ = ["admin", "admin_client", "user"]
