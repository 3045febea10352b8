"""A server on which two people have an account."""

import pytest
from kit.testing import LiveServer

from inside.browser import FORGETFUL, KNOWN
from tests.accounts.fixtures import PASSWORD


@pytest.fixture(scope="session")
def live_server(live_server: LiveServer) -> LiveServer:
    for email in (KNOWN, FORGETFUL):
        live_server.manage("createsuperuser", "--email", email, SUPERUSER_PASSWORD=PASSWORD)
    return live_server
