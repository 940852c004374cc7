"""Simulated runs, which open no sockets."""

import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    disable_socket()


@pytest.fixture(autouse=True)
def _no_coverage(no_cover: None) -> None:
    """The unit tests cover the same code; tracing it here would take minutes."""
