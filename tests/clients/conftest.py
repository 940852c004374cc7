"""Unmodified third-party clients against the laptop stack."""

from tests.e2e.laptop import emulator, stack

__all__ = ["emulator", "stack"]
