"""The built package under the real runtime interface, in a container, against the laptop stack's services."""

from tests.e2e.laptop import emulator, role_credentials, stack

__all__ = ["emulator", "role_credentials", "stack"]
