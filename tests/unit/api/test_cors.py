"""Pages of other origins: none is let in, unless the operator lists its origin."""

import pytest

from tests.unit.conftest import Send

PAGE = "https://app.example"
ASKS_FIRST = {"origin": PAGE, "access_control_request_method": "POST"}


@pytest.fixture
def origins() -> str:
    return f"https://other.example, {PAGE}"


@pytest.fixture
def environment(environment: dict[str, str], origins: str) -> dict[str, str]:
    return environment | {"CORS_ORIGINS": origins}


ANSWERS = [
    ("POST", "/generate", '{"text": "a fox"}', 200),
    ("POST", "/generate", "{}", 400),
    ("GET", "/nothing", None, 404),
    ("GET", "/generate", None, 405),
    ("POST", "/v1/images/generations", "{}", 400),
    ("GET", "/health", None, 200),
    ("OPTIONS", "/generate", None, 405),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), ANSWERS)
def test_a_listed_page_may_read_every_answer(send: Send, method: str, path: str, body: str | None, status: int) -> None:
    answer = send(method, path, body, origin=PAGE)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, PAGE)
    assert {"x-request-id", "Retry-After", "Location"} <= set(
        answer.headers["access-control-expose-headers"].split(",")
    )
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/generate", "/images/6e82604c-3263-4576-b3c1-20ec951c91c1.png", "/nothing"])
def test_a_listed_page_may_send_a_preflight_request(send: Send, path: str) -> None:
    answer = send("OPTIONS", path, **ASKS_FIRST)
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "DELETE,GET,POST"
    assert {"*", "Authorization"} <= set(answer.headers["access-control-allow-headers"].split(","))
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("origin", ["https://app.example.evil", "http://app.example", "null", ""])
def test_another_page_may_not(send: Send, origin: str) -> None:
    asked = send("OPTIONS", "/generate", origin=origin, access_control_request_method="POST")
    answered = send("GET", "/health", origin=origin)
    for answer in (asked, answered):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"


class TestAllOrigins:
    @pytest.fixture
    def origins(self) -> str:
        return "*"

    def test_any_page_may(self, send: Send) -> None:
        for answer in (send("GET", "/health", origin=PAGE), send("OPTIONS", "/generate", **ASKS_FIRST)):
            assert answer.headers["access-control-allow-origin"] == "*"


class TestNoOrigins:
    @pytest.fixture
    def origins(self) -> str:
        return ""

    def test_no_page_may(self, send: Send) -> None:
        asked = send("OPTIONS", "/generate", **ASKS_FIRST)
        assert (asked.status, asked.headers["allow"]) == (405, "POST")
        for answer in (asked, send("GET", "/health", origin=PAGE)):
            assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
