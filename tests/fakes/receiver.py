"""A receiver of webhooks, in memory."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from net.https import Https, HttpsError


@dataclass(frozen=True)
class Message:
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.body)


@dataclass
class FakeReceiver:
    """`answers` are statuses, or codes of errors, one each; then it answers `status`. `meanwhile` is done during the
    next requests."""

    status: int = 200
    answers: list[int | str] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> int:
        assert seconds > 0
        self.messages.append(Message(url, headers, body))
        if self.meanwhile:
            self.meanwhile.pop(0)()
        answer = self.answers.pop(0) if self.answers else self.status
        if isinstance(answer, str):
            raise HttpsError(answer)
        return answer

    def may_be_reached(self, host: str) -> bool:
        return Https().may_be_reached(host)
