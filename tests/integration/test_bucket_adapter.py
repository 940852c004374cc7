"""The bucket's contract, for the adapter and the fake."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from aws import clients
from aws.bucket import Bucket, BucketError
from tests.fakes.bucket import FakeBucket
from tests.integration.conftest import BUCKET

pytestmark = pytest.mark.usefixtures("aws")

real = Bucket(BUCKET, link_minutes=30)


@pytest.mark.parametrize("make", [lambda: real, FakeBucket], ids=["real", "fake"])
def test_a_link_leads_to_one_image_and_says_until_when(make: Callable[[], Any]) -> None:
    bucket = make()
    bucket.put("one", b"png", {"model": "m", "seed": "1"})

    link = bucket.link("one")

    assert "one" in link.url
    assert timedelta(minutes=29) < link.expires_at - datetime.now(UTC) <= timedelta(minutes=30)
    assert bucket.link("two").url != link.url


def _refused() -> FakeBucket:
    return FakeBucket(refusals=["NoSuchBucket"])


@pytest.mark.parametrize("make", [lambda: Bucket("no-such-bucket", 30), _refused], ids=["real", "fake"])
def test_a_refusal_is_reported_by_its_code(make: Callable[[], Any]) -> None:
    with pytest.raises(BucketError) as raised:
        make().put("one", b"png", {})
    assert raised.value.code == "NoSuchBucket"


def test_a_png_is_stored_below_the_prefix_with_its_facts() -> None:
    real.put("one", b"png", {"model": "m", "seed": "1"})

    stored = boto3.client("s3").get_object(Bucket=BUCKET, Key="generated_images/one.png")
    assert stored["Body"].read() == b"png"
    assert stored["ContentType"] == "image/png"
    assert stored["Metadata"] == {"model": "m", "seed": "1"}


@pytest.mark.parametrize("make", [lambda: real, FakeBucket], ids=["real", "fake"])
def test_an_image_is_found_with_its_facts_and_its_length(make: Callable[[], Any]) -> None:
    bucket = make()
    bucket.put("one", b"four", {"model": "m", "seed": "1"})

    assert bucket.find("one") == {"model": "m", "seed": "1", "bytes": "4"}
    assert bucket.find("two") is None


def test_a_refused_look_is_an_error() -> None:
    with pytest.raises(BucketError):
        Bucket("no..such/bucket", 30).find("one")


def test_a_link_is_signed_by_sigv4_for_the_regional_virtual_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

    link = urlsplit(real.link("one").url)
    query = parse_qs(link.query)

    assert link.hostname == f"{BUCKET}.s3.us-west-2.amazonaws.com"
    assert link.path == "/generated_images/one.png"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["1800"]


def test_a_link_does_not_outlive_the_credentials_that_signed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    expiry = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=20)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", expiry.isoformat())

    assert real.link("one").expires_at == expiry


@pytest.mark.parametrize("make", [lambda: real, FakeBucket], ids=["real", "fake"])
class TestARendition:
    def test_is_stored_once(self, make: Callable[[], Any]) -> None:
        bucket = make()
        assert bucket.rendition_bytes("one", "w64.webp") is None
        assert bucket.put_rendition("one", "w64.webp", b"first", "image/webp")
        assert not bucket.put_rendition("one", "w64.webp", b"another", "image/webp")
        assert bucket.read_rendition("one", "w64.webp") == b"first"
        assert bucket.rendition_bytes("one", "w64.webp") == len(b"first")
        assert bucket.read_rendition("one", "w64.webp") == b"first"
        assert bucket.read_rendition("one", "full.webp") is None
        assert "renditions/one/w64.webp" in bucket.rendition_link("one", "w64.webp").url

    def test_is_deleted_with_all_others_of_its_image(self, make: Callable[[], Any]) -> None:
        bucket = make()
        for image, name in (("one", "w64.webp"), ("one", "full.jpg"), ("another", "w64.webp")):
            bucket.put_rendition(image, name, b"data", "image/webp")
        bucket.delete_renditions("one")
        assert bucket.rendition_bytes("one", "w64.webp") is None
        assert bucket.rendition_bytes("one", "full.jpg") is None
        assert bucket.rendition_bytes("another", "w64.webp") == len(b"data")


def test_a_link_needs_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    for cached in (clients.session, clients.s3):
        cached.cache_clear()

    with pytest.raises(BucketError, match="NoCredentials"):
        real.link("one")
