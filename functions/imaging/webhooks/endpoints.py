"""What a caller sets once for all its webhooks: the secrets that sign them, and the URL that jobs are sent to by
default.

The record `webhook#<owner>` lies in the table, which is encrypted; a secret is shown once, when it is made.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from aws.table import Absent, Check, ConditionFailed, Equal, Put, Same
from imaging import ports
from imaging.errors import FieldError, InvalidRequest, table_needed
from imaging.requests.webhook import DEFAULT, Webhook, host
from imaging.webhooks.signing import new_secret

NEVER = 253_402_300_799
"""The end of the year 9999."""

MOST_SECRETS = 5
"""So that the header of the signatures stays short."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class Secret(_Stored):
    """Signs until `expires_at`, which only a replaced secret has. Times are epoch seconds."""

    secret: str
    created_at: float
    expires_at: float | None = None


class Endpoint(_Stored):
    """The newest secret is the first."""

    url: str | None = None
    secrets: Sequence[Secret] = ()
    revision: str = ""

    def current(self, now: float) -> "Endpoint":
        return self.model_copy(update={"secrets": [each for each in self.secrets if _signs(each, now)]})


@dataclass(frozen=True)
class Endpoints:
    """Everything raises DependencyUnavailable if the table does not answer. `may_be_reached` refuses addresses that
    nothing is sent to; names are checked when something is sent.

    An execution environment remembers each default URL that it has read, and the transaction that accepts a job checks
    that it is still the same. So a change counts at once, and no request reads more for it.
    """

    table: ports.Table
    may_be_reached: Callable[[str], bool]
    now: Callable[[], float] = time.time
    _urls: dict[str, str | None] = field(default_factory=dict)

    def get(self, owner: str) -> Endpoint:
        """The settings, with the secrets that sign now."""
        with table_needed():
            record = self.table.get(_key(owner))
        return Endpoint.model_validate(record or {}).current(self.now())

    def resolved(self, owner: str, webhook: Webhook | None) -> tuple[Webhook | None, Sequence[Check]]:
        """The webhook, with the owner's default URL if it names none, and what a job that relies on that must check."""
        if webhook is None or webhook.url != DEFAULT:
            return webhook, ()
        url = self._urls.get(owner)
        return (webhook.model_copy(update={"url": url}) if url else None), [Check(_key(owner), Same({"url": url}))]

    def renew(self, owner: str) -> None:
        """Reads the default URL again."""
        self._urls[owner] = self.get(owner).url

    def checked(self, owner: str, url: str, field: str) -> str:
        """The URL, if something can be sent there. Raises InvalidRequest for `field`."""
        self._require_reachable(url, field)
        _require_secret(self.get(owner), field)
        return url

    def set_url(self, owner: str, url: str, field: str) -> Endpoint:
        """Sends the owner's jobs to this URL by default. Raises InvalidRequest for `field`."""
        self._require_reachable(url, field)

        def changed(found: Endpoint) -> dict[str, Any]:
            _require_secret(found, field)
            return {"url": url}

        return self._change(owner, changed)

    def rotate(self, owner: str, overlap_seconds: float) -> Endpoint:
        """Adds a new secret; the others sign as well for the overlap."""
        now, new = self.now(), Secret(secret=new_secret(), created_at=self.now())
        until = now + overlap_seconds

        def rotated(found: Endpoint) -> dict[str, Any]:
            old = [
                each.model_copy(update={"expires_at": min(each.expires_at or until, until)}) for each in found.secrets
            ]
            return {"secrets": [new, *(each for each in old if _signs(each, now))][:MOST_SECRETS]}

        return self._change(owner, rotated)

    def forget(self, owner: str) -> None:
        """Deletes the secrets and the URL."""
        self._change(owner, lambda _: {"url": None, "secrets": ()}, expires_at=int(self.now()))

    def _require_reachable(self, url: str, field: str) -> None:
        if not self.may_be_reached(host(url)):
            raise _invalid(field, "This address is not public, and nothing is sent to it")

    def _change(self, owner: str, change: Callable[[Endpoint], dict[str, Any]], *, expires_at: int = NEVER) -> Endpoint:
        while True:
            found, revision = self.get(owner), secrets.token_hex(8)
            changed = found.model_copy(update={**change(found), "revision": revision})
            condition = Equal("revision", found.revision) if found.revision else Absent(self.now())
            attributes = {"owner": owner, **changed.model_dump(mode="json", exclude_none=True)}
            try:
                with table_needed():
                    self.table.write([Put(_key(owner), attributes, expires_at, condition)], revision)
            except ConditionFailed:
                continue
            return changed


def _require_secret(found: Endpoint, field: str) -> None:
    if not found.secrets:
        raise _invalid(field, "This key has no secret to sign with yet. Make one: POST /webhooks/secret")


def _invalid(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(f"The request is not valid. {field}: {message}.", fields=[FieldError(field, message)])


def _signs(secret: Secret, now: float) -> bool:
    return secret.expires_at is None or secret.expires_at > now


def _key(owner: str) -> str:
    return f"webhook#{owner}"
