"""The fault run works on the stack of the end-to-end tests."""

from tests.e2e.conftest import anonymous, api
from tests.e2e.laptop import emulator, stack

__all__ = ["anonymous", "api", "emulator", "stack"]
