"""The built package under the real runtime interface, in a container, against the laptop stack's services."""

from tests.e2e.laptop import emulator, stack

__all__ = ["emulator", "stack"]
