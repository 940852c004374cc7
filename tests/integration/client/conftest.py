"""A fake API at a real address, which the environment names."""

from tests.integration.studio.conftest import served_api

__all__ = ["served_api"]
