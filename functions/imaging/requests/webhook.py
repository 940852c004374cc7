"""Where the end of a job is sent to."""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

MAX_URL = 2048

DEFAULT = ""
"""Stands for the caller's default URL, until the job is accepted."""

URL = {
    "pattern": r"^https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-\"$-\[\]-~]*)?$",
}
"""What `https_url` accepts, for the OpenAPI document."""

_URL = re.compile(URL["pattern"])


class Webhook(BaseModel):
    """A receiver of the job's end. `address` is the API's base URL, with which the body's links begin, and
    `output_format` the format of the files that they lead to."""

    model_config = ConfigDict(frozen=True)

    url: str
    address: str
    output_format: str = "png"

    @property
    def host(self) -> str:
        return host(self.url)


def https_url(text: str) -> str:
    if not _URL.fullmatch(text) or not _has_host_and_port(text):
        raise ValueError(
            "must be an https:// address in ASCII, without a user name, a password, a fragment or a backslash"
        )
    return text


def _has_host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def host(url: str) -> str:
    """The receiver, without what may be secret in its URL."""
    return urlsplit(url).hostname or ""
