"""Tries a deployed stack from end to end: `make smoke API_URL=https://… API_KEY=…`. Costs two small images.

Needs nothing but Python. Shows one line for each check and ends with status 1 if any of them failed.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"
GATEWAY_TIMEOUT = 504
JOB_SECONDS = 300
POLL_SECONDS = 2


class CheckFailed(Exception):
    """The stack did not do what it should; the message says what it did instead."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: "Message[str, str]"
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CheckFailed(f"status {self.status} and no JSON; is the address right, its stage included?")
        return value

    def expect(self, *statuses: int) -> "Answer":
        if self.status not in statuses:
            problem = self.json
            code, detail = problem.get("code"), problem.get("detail") or problem.get("message")
            raise CheckFailed(f"{self.status} {code}: {detail} (request {self.headers.get('x-request-id')})")
        return self


@dataclass
class Smoke:
    api_url: str
    api_key: str
    image: dict[str, Any] = field(default_factory=dict)
    asked: tuple[dict[str, Any], dict[str, str]] = field(default_factory=lambda: _request("a lighthouse at dusk"))

    def health(self) -> str:
        open_to_all = send("GET", f"{self.api_url}/health").expect(200).json
        deep = self._send("GET", "/health?deep=true").expect(200).json
        return f"{open_to_all['status']}; looked at closely: {deep['status']}"

    def a_wrong_key(self) -> str:
        send("GET", f"{self.api_url}/usage", headers={"x-api-key": "wrong"}).expect(401)
        return "refused"

    def an_image(self) -> str:
        answer = self._generate().json
        self.image = answer["details"][0]
        return f"{answer['model']}, {answer['cost_usd']} USD{_warned(answer)}"

    def its_link(self) -> str:
        png = fetch(self._image()["url"])
        return f"{len(png)} bytes"

    def its_lasting_link(self) -> str:
        redirect = self._send("GET", f"/images/{self._image()['id']}.png").expect(302)
        return f"{len(fetch(redirect.headers['Location']))} bytes"

    def a_replay(self) -> str:
        image_id = self._image()["id"]
        replay = self._generate()
        if replay.headers.get("Idempotent-Replayed") != "true" or replay.json["details"][0]["id"] != image_id:
            raise CheckFailed("the same request made another image")
        return "the same image, nothing paid"

    def a_job(self) -> str:
        body, headers = _request("a fox in the snow")
        accepted = self._send("POST", "/generate", body, {**headers, "Prefer": "respond-async"}).expect(202)
        return self._finished(accepted.headers["Location"])

    def usage(self) -> str:
        month = self._send("GET", "/usage").expect(200).json
        return f"{month['spent_usd']} USD spent by this key in {month['month']}, cap {month['cap_usd']}"

    def _generate(self) -> Answer:
        body, headers = self.asked
        answer = self._send("POST", "/generate", body, headers)
        while answer.status == GATEWAY_TIMEOUT:
            answer = self._send("POST", "/generate", body, headers)
        return answer.expect(200)

    def _finished(self, location: str) -> str:
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            job = send("GET", location, headers={"x-api-key": self.api_key}).expect(200).json
            if job["status"] == "succeeded":
                return f"succeeded at attempt {job['attempts']}"
            if job["status"] not in {"queued", "running"}:
                raise CheckFailed(f"{job['status']}: {(job['problem'] or {}).get('detail')}")
            time.sleep(POLL_SECONDS)
        raise CheckFailed(f"still {job['status']} after {JOB_SECONDS} s; look at the queue and at the worker's log")

    def _image(self) -> dict[str, Any]:
        if not self.image:
            raise CheckFailed("there is no image to look at")
        return self.image

    def _send(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        return send(method, self.api_url + path, body, {"x-api-key": self.api_key, **(headers or {})})


class _NotFollowed(urllib.request.HTTPRedirectHandler):
    """The key is for the API alone, not for where it redirects to."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NotFollowed)


def send(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310 - the operator's own
    try:
        with _opener.open(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())
    except OSError as error:
        raise CheckFailed(f"{url} does not answer: {error}") from error


def fetch(link: str) -> bytes:
    answer = send("GET", link)
    if not answer.body.startswith(PNG):
        raise CheckFailed(f"the link answers {answer.status} and no PNG")
    return answer.body


def _request(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    return {"text": text, "width": 512, "height": 512}, {
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }


def _warned(answer: Mapping[str, Any]) -> str:
    codes = [warning["code"] for warning in answer.get("warnings", [])]
    return f"; warnings: {', '.join(codes)}" if codes else ""


def _passes(name: str, check: Callable[[], str]) -> bool:
    try:
        found = check()
    except CheckFailed as failure:
        sys.stdout.write(f"FAILED  {name}: {failure}\n")
        return False
    sys.stdout.write(f"ok      {name}: {found}\n")
    return True


def main() -> None:
    url, key = os.environ.get("API_URL"), os.environ.get("API_KEY")
    if not url or not key:
        sys.exit("Say which stack: make smoke API_URL=https://….execute-api.us-west-2.amazonaws.com/api API_KEY=…")
    smoke = Smoke(url.rstrip("/"), key)
    checks = {
        "health": smoke.health,
        "a wrong key": smoke.a_wrong_key,
        "an image": smoke.an_image,
        "its link": smoke.its_link,
        "its lasting link": smoke.its_lasting_link,
        "a replay": smoke.a_replay,
        "a job": smoke.a_job,
        "usage": smoke.usage,
    }
    failed = [name for name, check in checks.items() if not _passes(name, check)]
    sys.exit(f"\n{len(failed)} of {len(checks)} checks failed." if failed else 0)


if __name__ == "__main__":
    main()
