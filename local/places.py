"""Where things are: the project's own folders, and those of one running stack."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
VENVS = PROJECT / ".local" / "venvs"
DEFAULT_STATE = PROJECT / ".local"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


@dataclass(frozen=True)
class Places:
    """The folder of one stack; stacks in different folders are independent."""

    root: Path

    @property
    def shell_variables(self) -> Path:
        """For `source`: the address and the key of the running stack."""
        return self.root / "env"

    @property
    def aws_variables(self) -> Path:
        """For `source`: makes AWS CLI, SAM CLI and SDKs of a terminal see the laptop stack instead of AWS."""
        return self.root / "aws-env"

    @property
    def description(self) -> Path:
        return self.root / "stack.json"

    @property
    def options(self) -> Path:
        return self.root / "options.json"

    @property
    def keys(self) -> Path:
        return self.root / "keys.json"

    @property
    def invocation(self) -> Path:
        """The environment of the function that `sam local invoke` runs."""
        return self.root / "invocation.json"

    @property
    def front(self) -> Path:
        return self.root / "front.json"

    @property
    def authority(self) -> Path:
        """The certificate that the functions trust, so that webhooks reach a receiver on this machine."""
        return self.root / "webhook-authority.pem"

    @property
    def receiver(self) -> Path:
        """A private key and certificate for a receiver of webhooks on this machine."""
        return self.root / "webhook-receiver.pem"

    @property
    def processes(self) -> Path:
        return self.root / "processes"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def scratch(self) -> Path:
        return self.root / "tmp"

    @property
    def images(self) -> Path:
        folder = PROJECT if self.root == DEFAULT_STATE else self.root
        return folder / "generated_images"

    def make(self) -> None:
        for folder in (self.processes, self.logs, self.scratch):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write atomically: readers see the old file or the new one."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write atomically, readable by the owner only from the first moment: the file may hold keys."""
    half = path.with_name(f".{path.name}.half")
    half.unlink(missing_ok=True)
    half.touch(PRIVATE_FILE, exist_ok=False)
    half.write_text(text)
    half.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return value if isinstance(value, dict) else None
