"""The client with a fake API as its transport."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws

from tests.fakes.studio_api import KEY, FakeApi, problem, served
from text_to_image import (
    AsyncClient,
    Client,
    Generation,
    Image,
    Progress,
    Usage,
    Waiting,
    __version__,
    connection,
    errors,
    following,
    generate_images,
    generate_images_async,
)
from text_to_image.configuration import configuration
from text_to_image.transfer import AsyncTransfer, BlockingTransfer

Generate = Callable[..., Generation[Image]]


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands requests to the fake; refuses the first `broken` connections."""

    def __init__(self, api: FakeApi, broken: int = 0) -> None:
        self.api = api
        self.broken = broken

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.broken:
            self.broken -= 1
            raise httpx.ConnectError("refused", request=request)
        path = request.url.raw_path.decode()
        status, headers, body = self.api.answer(request.method, path, dict(request.headers), request.read())
        return httpx.Response(status, headers=headers, content=body)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connection, "BACKOFF", (0.0, 0.0, 0.0))
    monkeypatch.setattr(following, "POLL_SECONDS", 0.01)
    monkeypatch.chdir(tmp_path)
    for name in ("API_URL", "API_KEY", "API_KEY_SECRET_ARN", "ENV_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(url="http://fake")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []

    async def sleep(_: object, pause: float) -> None:
        seconds.append(pause)

    for transfer in (AsyncTransfer, BlockingTransfer):
        monkeypatch.setattr(transfer, "sleep", sleep)
    return seconds


@pytest.fixture(params=["blocking", "asynchronous"])
def generate(request: pytest.FixtureRequest, api: FakeApi) -> Generate:
    def blocking(*arguments: Any, broken: int = 0, api_key: str = KEY, **options: Any) -> Generation[Image]:  # noqa: ANN401 - generate's own
        where = {"on_progress": options.pop("on_progress", None), "transport": Transport(api, broken)}
        with Client("http://fake", api_key, **where) as client:
            return client.generate(*arguments, **options)

    def asynchronous(*arguments: Any, broken: int = 0, api_key: str = KEY, **options: Any) -> Generation[Image]:  # noqa: ANN401 - as above
        async def call() -> Generation[Image]:
            where = {"on_progress": options.pop("on_progress", None), "transport": Transport(api, broken)}
            async with AsyncClient("http://fake", api_key, **where) as client:
                return await client.generate(*arguments, **options)

        return asyncio.run(call())

    return blocking if request.param == "blocking" else asynchronous


def test_the_documented_call_returns_pictures(generate: Generate, api: FakeApi) -> None:
    generation = generate("A beautiful sunset over the ocean", 640, 512, 4, 8, 42, "premium")

    assert [image.caption for image in generation.images] == [f"Image {n} of 4" for n in (1, 2, 3, 4)]
    assert [image.seed for image in generation.images] == [42, 43, 44, 45]
    assert {image.image().size for image in generation.images} == {(640, 512)}
    assert api.sent == [
        {
            "text": "A beautiful sunset over the ocean",
            "width": 640,
            "height": 512,
            "number_of_images": 4,
            "seed": 42,
            "quality": "premium",
        }
    ]
    assert api.requests[0]["headers"]["prefer"] == "respond-async"


def test_images_are_saved_in_the_documented_folder(generate: Generate) -> None:
    generation = generate("a", 512, 512, 2)

    files = generation.save()

    assert files == [Path("generated_images") / f"{image.id}.png" for image in generation.images]
    assert [file.read_bytes() for file in files] == [image.bytes for image in generation.images]


def test_the_blocking_client_works_under_a_running_event_loop(api: FakeApi) -> None:
    async def page() -> Generation[Image]:
        with Client("http://fake", KEY, transport=Transport(api)) as client:
            return client.generate("a")

    assert len(asyncio.run(page()).images) == 1


def test_threads_may_share_a_blocking_client(api: FakeApi) -> None:
    with served(api) as url, Client(url, KEY) as client, ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda seed: client.generate("a", 512, 512, 2, seed=seed), range(100, 108)))

    assert [[image.seed for image in each.images] for each in made] == [[seed, seed + 1] for seed in range(100, 108)]


def test_an_asynchronous_client_makes_several_generations_at_once(api: FakeApi) -> None:
    async def two() -> list[Generation[Image]]:
        async with AsyncClient("http://fake", KEY, transport=Transport(api)) as client:
            return await asyncio.gather(*(client.generate("a", number_of_images=2, seed=seed) for seed in (100, 200)))

    assert [[image.seed for image in each.images] for each in asyncio.run(two())] == [[100, 101], [200, 201]]


@pytest.mark.parametrize("function", [generate_images, generate_images_async])
def test_one_call_is_enough(monkeypatch: pytest.MonkeyPatch, api: FakeApi, function: Callable[..., Any]) -> None:
    with served(api) as url:
        monkeypatch.setenv("API_URL", url)
        monkeypatch.setenv("API_KEY", KEY)
        made = function("a", 640, 512, 2)
        generation = asyncio.run(made) if inspect.iscoroutine(made) else made

    assert [image.image().size for image in generation.images] == [(640, 512)] * 2


def test_requests_name_the_client_and_its_version(generate: Generate, api: FakeApi) -> None:
    generate("a")

    assert {request["headers"]["user-agent"] for request in api.requests} == {f"text-to-image-client/{__version__}"}


def test_a_file_is_never_half_there(generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    (image,) = generate("a").images

    def full(file: Path, content: bytes) -> int:
        with file.open("wb") as opened:
            opened.write(content[:9])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        image.save("out")

    assert list(Path("out").glob("*.png")) == []


def test_another_format_is_made_of_images_that_are_there_already(generate: Generate, api: FakeApi) -> None:
    api.seconds, api.made = 0.2, 2

    generation = generate("a", number_of_images=3, output_format="jpeg")

    asked_for = [request["path"] for request in api.requests]
    early = [f"/images/{image.id}.jpg" for image in generation.images[:2]]
    assert [path for path in asked_for if path.startswith("/images/")] == early
    assert {path for path in asked_for if path.startswith("/jobs/")} == {f"/jobs/{generation.id}?output_format=jpeg"}


def test_fields_that_the_client_does_not_know_are_passed_on(generate: Generate, api: FakeApi) -> None:
    generate("a", more={"webhook_url": "https://example.com"})

    assert api.sent[0]["webhook_url"] == "https://example.com"


def test_an_error_has_the_key_to_try_again_with(generate: Generate, api: FakeApi) -> None:
    api.refusals = [(503, {}, {})] * 4

    with pytest.raises(errors.MayPass) as raised:
        generate("a")
    generate("a", idempotency_key=raised.value.idempotency_key)

    assert len({request["headers"]["idempotency-key"] for request in api.requests if request["method"] == "POST"}) == 1


def test_each_step_can_be_taken_alone(api: FakeApi) -> None:
    api.held, api.made = "running", 1
    with Client("http://fake", KEY, transport=Transport(api)) as client:
        job = client.submit({"text": "a", "width": 64, "height": 48, "number_of_images": 2}, "k")
        assert (job.status, client.job(job.id).status, len(job.made)) == ("running", "running", 1)
        assert not [request for request in api.requests if request["path"].startswith("/pictures/")]
        api.held = None
        assert len(client.finished(job).images) == 2


def test_the_key_is_not_sent_to_links(generate: Generate, api: FakeApi) -> None:
    generate("a")

    (download,) = (request for request in api.requests if request["path"].startswith("/pictures/"))
    assert "x-api-key" not in download["headers"]


def test_a_lost_connection_costs_once(generate: Generate, api: FakeApi) -> None:
    api.refusals = [(504, problem(504, "timed_out", "too slow"), {}), (503, {}, {})]

    generate("a", broken=1)

    keys = {request["headers"]["idempotency-key"] for request in api.requests if request["method"] == "POST"}
    assert (len(api.sent), len(keys), len(api.jobs)) == (3, 1, 1)


def test_each_call_has_its_own_idempotency_key(generate: Generate, api: FakeApi) -> None:
    generate("a")
    generate("a")
    generate("a", idempotency_key="mine")
    generate("a", idempotency_key="mine")

    assert len(api.jobs) == 3


def test_retries_wait_for_a_random_time_that_grows(
    monkeypatch: pytest.MonkeyPatch, generate: Generate, api: FakeApi, slept: list[float]
) -> None:
    monkeypatch.setattr(connection, "BACKOFF", (1.0, 2.0, 4.0))
    for _ in range(20):
        api.refusals = [(503, {}, {})] * 3
        generate("a")

    thirds = [slept[first::3] for first in range(3)]
    assert [max(each) <= longest for each, longest in zip(thirds, (1, 2, 4), strict=True)] == [True] * 3
    assert max(thirds[2]) > 1
    assert len(set(slept)) == 60


def test_retry_after_is_honoured(generate: Generate, api: FakeApi, slept: list[float]) -> None:
    api.refusals = [(429, problem(429, "throttled", "slower"), {"retry-after": "7"})]
    api.seconds = 0.0

    generate("a")

    assert slept == [7.0]


def test_a_long_retry_after_is_reported(generate: Generate, api: FakeApi, slept: list[float]) -> None:
    api.refusals = [(429, problem(429, "throttled", "tomorrow"), {"retry-after": "3600"})]

    with pytest.raises(errors.Throttled) as raised:
        generate("a")

    assert (raised.value.retry_after, slept) == (3600, [])


def test_the_first_poll_is_when_the_api_says(generate: Generate, api: FakeApi, slept: list[float]) -> None:
    api.poll, api.queued_seconds = "2", 0.05

    with pytest.raises(errors.TookTooLong):
        generate("a", max_wait=1)
    assert slept == []
    generate("a", idempotency_key="k")
    assert slept[0] == 2.0


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", errors.InvalidRequest),
        (400, "content_blocked", errors.ContentBlocked),
        (402, "budget_exhausted", errors.BudgetExhausted),
        (422, "key_reused", errors.KeyReused),
        (500, "model_access_denied", errors.OperatorMustAct),
        (503, "model_unavailable", errors.ModelUnavailable),
        (503, "dependency_unavailable", errors.ServiceFailed),
        (500, "of_the_future", errors.ImagesError),
    ],
)
def test_errors_are_typed_and_say_what_to_do(
    generate: Generate, api: FakeApi, status: int, code: str, kind: type[errors.ImagesError]
) -> None:
    api.refusals = [(status, problem(status, code, "What happened."), {})] * 4

    with pytest.raises(errors.ImagesError) as raised:
        generate("a")

    error = raised.value
    assert type(error) is kind
    assert (error.code, error.detail, error.request_id) == (code, "What happened.", "the-request-id")
    assert error.remedy in str(error)
    assert "the-request-id" in str(error)


def test_a_failed_job_is_an_error(generate: Generate, api: FakeApi) -> None:
    api.problem = problem(400, "content_blocked", "The filter refused every image.")

    with pytest.raises(errors.ContentBlocked):
        generate("a")


def test_a_wrong_key_is_not_retried(generate: Generate, api: FakeApi) -> None:
    with pytest.raises(errors.Unauthorized):
        generate("a", api_key="wrong")
    assert len(api.requests) == 1


def test_an_unreachable_api_is_reported(generate: Generate) -> None:
    with pytest.raises(errors.Unreachable) as raised:
        generate("a", broken=99)
    assert KEY not in str(raised.value)


def test_another_program_at_the_address_is_reported() -> None:
    def page(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>")

    with pytest.raises(errors.NotConfigured):
        Client("http://fake", KEY, transport=httpx.MockTransport(page)).generate("a")


def test_a_missing_image_keeps_its_place(generate: Generate, api: FakeApi) -> None:
    api.blocked = (1,)
    api.warnings = [{"code": "model_fell_through", "field": "model", "detail": "Titan is retired."}]

    generation = generate("a", number_of_images=3)

    assert [place.caption for place in generation.places] == ["Image 1 of 3", "Image 2 of 3", "Image 3 of 3"]
    assert [missing.status for missing in generation.missing] == ["blocked"]
    assert len(generation.images) == 2
    assert generation.warnings[0].code == "model_fell_through"


def test_progress_is_reported(generate: Generate, api: FakeApi) -> None:
    api.held = "queued"
    seen: list[Progress] = []

    def noted(progress: Progress) -> None:
        seen.append(progress)
        api.held = {"queued": "running", "running": None}.get(progress.state, api.held)

    generation = generate("a", on_progress=noted)

    states = [progress.state for progress in seen]
    assert list(dict.fromkeys(states)) == ["sending", "queued", "running", "downloading"]
    assert seen[-1].job_id == generation.id


@pytest.mark.parametrize("clock_ahead", [0.0, 3600.0, -3600.0])
def test_progress_of_an_existing_job_counts_from_its_acceptance(api: FakeApi, clock_ahead: float) -> None:
    api.clock_ahead, api.queued_seconds = clock_ahead, 200
    seen: list[Progress] = []

    async def look() -> None:
        async with AsyncClient("http://fake", KEY, transport=Transport(api)) as connection:
            followed = connection.follow(seen.append)
            job = await followed.submit({"text": "a", "width": 512, "height": 512}, "k")
            api.jobs[job.id]["since"] -= 100
            await followed.job(job.id)

    asyncio.run(look())

    assert seen[-1].state == "queued"
    assert 98 < seen[-1].seconds < 1000


def test_a_silent_api_is_not_retried_for_long(
    generate: Generate, monkeypatch: pytest.MonkeyPatch, api: FakeApi
) -> None:
    monkeypatch.setattr(connection, "RETRY_SECONDS", -1)
    api.refusals = [(504, {}, {})] * 9

    with pytest.raises(errors.TimedOut):
        generate("a")

    assert len(api.requests) == 1


def test_a_queued_job_can_be_stopped(api: FakeApi) -> None:
    api.queued_seconds = 60

    async def stop() -> None:
        async with AsyncClient("http://fake", KEY, transport=Transport(api)) as connection:
            job = await connection.submit({"text": "a", "width": 512, "height": 512}, "k")
            await connection.finished(await connection.cancel(job.id))

    with pytest.raises(errors.Cancelled):
        asyncio.run(stop())


def asked(api: FakeApi, question: Callable[[Client], Any]) -> Any:  # noqa: ANN401 - whatever was asked
    with Client("http://fake", KEY, transport=Transport(api)) as client:
        return question(client)


def test_images_are_reported_while_the_job_runs_and_downloaded_once(generate: Generate, api: FakeApi) -> None:
    api.seconds, api.made = 0.2, 2
    seen: list[Progress] = []

    generation = generate("a", number_of_images=3, on_progress=seen.append)

    early = next(progress.made for progress in seen if len(progress.made) == 2)
    assert [early[place].bytes for place in (0, 1)] == [image.bytes for image in generation.images[:2]]
    assert early[0].caption == "Image 1 of 3"
    assert len([request for request in api.requests if request["path"].startswith("/pictures/")]) == 3


def test_the_reason_for_a_wait_is_reported(generate: Generate, api: FakeApi) -> None:
    api.queued_seconds = 0.1
    api.waiting = {"code": "throttled", "detail": "Too many", "retry_at": "2026-11-25T10:00:12Z"}
    seen: list[Progress] = []

    generate("a", on_progress=seen.append)

    told = next(progress for progress in seen if progress.state == "queued")
    assert told.waiting == Waiting("throttled", "Too many", datetime(2026, 11, 25, 10, 0, 12, tzinfo=UTC))
    assert told.attempts == 1


def test_an_api_without_progress_works(generate: Generate, api: FakeApi) -> None:
    api.older, api.queued_seconds = True, 0.1
    seen: list[Progress] = []

    assert len(generate("a", on_progress=seen.append).images) == 1
    before = [progress for progress in seen if progress.state != "downloading"]
    assert {(len(progress.made), progress.waiting) for progress in before} == {(0, None)}


def test_an_expired_link_is_renewed_without_sending_the_key(generate: Generate, api: FakeApi) -> None:
    api.expired = True

    assert generate("a").images[0].image().size == (1024, 1024)

    downloads = [request for request in api.requests if request["path"].startswith("/pictures/")]
    assert not [request for request in downloads if "x-api-key" in request["headers"]]


def test_the_gallery_is_read_page_by_page(api: FakeApi) -> None:
    api.make_earlier(5)

    first = asked(api, lambda connection: connection.images(limit=3))
    rest = asked(api, lambda connection: connection.images(limit=3, cursor=first.next_cursor))

    assert [picture.seed for picture in (*first.pictures, *rest.pictures)] == [101, 102, 103, 104, 105]
    assert rest.next_cursor is None
    assert first.pictures[0].made_at.tzinfo is not None


def test_an_image_is_fetched_linked_and_deleted_by_its_id(generate: Generate, api: FakeApi) -> None:
    image = generate("a").images[0]
    assert asked(api, lambda connection: connection.png(image.id)) == image.bytes
    assert "fresh" in asked(api, lambda connection: connection.link(image.id))

    asked(api, lambda connection: connection.delete(image.id))

    for question in ("png", "link", "delete"):
        with pytest.raises(errors.NotFound):
            asked(api, methodcaller(question, image.id))


def test_a_small_picture_comes_as_a_webp(generate: Generate, api: FakeApi) -> None:
    (image,) = generate("A lighthouse").images
    assert asked(api, lambda connection: connection.rendition(image.id, 384))
    assert f"/images/{image.id}.webp?width=384" in [request["path"] for request in api.requests]


def test_an_older_api_has_no_renditions(generate: Generate, api: FakeApi) -> None:
    (image,) = generate("A lighthouse").images
    api.older = True
    with pytest.raises(errors.NotFound):
        asked(api, lambda connection: connection.rendition(image.id, 384))


def test_usage_is_returned(api: FakeApi) -> None:
    assert asked(api, lambda connection: connection.usage()) == Usage("2026-11", 1.2, 0.0, 100.0, 30)


def test_facts_without_bytes(generate: Generate) -> None:
    generation = generate("a", number_of_images=2)
    light = generation.without_bytes()

    assert [picture.id for picture in light.images] == [image.id for image in generation.images]
    assert not any(hasattr(picture, "bytes") for picture in light.images)


@pytest.mark.parametrize("job_id", ["", "../models", "1", "x" * 500])
def test_an_invalid_id_is_not_sent(api: FakeApi, job_id: str) -> None:
    async def look() -> None:
        async with AsyncClient("http://fake", KEY, transport=Transport(api)) as connection:
            await connection.job(job_id)

    with pytest.raises(errors.NotFound):
        asyncio.run(look())
    assert api.requests == []


@pytest.mark.parametrize("function", [generate_images, generate_images_async])
def test_the_signature_is_the_documented_one(function: Callable[..., object]) -> None:
    parameters = inspect.signature(function).parameters.values()

    assert [(each.name, each.default) for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD] == [
        ("prompt", inspect.Parameter.empty),
        ("width", 1024),
        ("height", 1024),
        ("number_of_images", 1),
        ("cfg_scale", 8),
        ("seed", 42),
        ("quality", "standard"),
    ]


def test_each_function_has_its_own_name() -> None:
    assert (generate_images.__name__, generate_images_async.__name__) == ("generate_images", "generate_images_async")


class TestConfiguration:
    def test_arguments_override_the_environment_which_overrides_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(".env").write_text("export API_URL=http://file/api\nAPI_KEY=file\n")
        assert (configuration().base_url, configuration().api_key) == ("http://file/api", "file")
        monkeypatch.setenv("API_URL", "http://environment/api/")
        assert (configuration().base_url, configuration().api_key) == ("http://environment/api", "file")
        told = configuration("http://argument", "argument")
        assert (told.base_url, told.api_key) == ("http://argument", "argument")

    def test_the_key_is_not_shown(self) -> None:
        assert "a-secret" not in repr(configuration("http://a", "a-secret"))

    @pytest.mark.parametrize(("url", "key"), [(None, None), ("http://a", None), ("ftp://a", "k"), ("http://a", "ключ")])
    def test_missing_settings_are_reported(self, url: str | None, key: str | None) -> None:
        with pytest.raises(errors.NotConfigured) as raised:
            configuration(url, key)
        assert "API" in str(raised.value)

    @pytest.fixture
    def secrets(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        with mock_aws():
            yield boto3.client("secretsmanager", region_name="us-west-2")

    def test_the_key_may_be_in_secrets_manager(self, monkeypatch: pytest.MonkeyPatch, secrets: Any) -> None:  # noqa: ANN401 - boto3's
        made = secrets.create_secret(Name="key", SecretString="from-the-manager\n")
        monkeypatch.setenv("API_KEY_SECRET_ARN", made["ARN"])

        assert configuration("http://a").api_key == "from-the-manager"

    @pytest.mark.usefixtures("secrets")
    def test_a_refused_secret_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("API_KEY_SECRET_ARN", "arn:aws:secretsmanager:us-west-2:123456789012:secret:gone")

        with pytest.raises(errors.NotConfigured, match="Secrets Manager"):
            configuration("http://a")
