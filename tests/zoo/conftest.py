"""Fixtures of the tests that download."""

import pytest

from tests.zoo.file_server import FileServer, start


@pytest.fixture
def server(monkeypatch):
    """A real server on the loopback address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = FileServer()
    http = start(server)
    yield server
    server.closing.set()
    http.shutdown()
    http.server_close()
