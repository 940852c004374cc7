"""An image in another format or size, and where it comes from."""

import base64
import hashlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from PIL import Image

from api.app import lambda_handler
from bootstrap import Services
from imaging.images.provenance import SOURCE_TYPE
from tests.fakes.bedrock import FakeBedrock, png
from tests.fakes.bucket import FakeBucket
from tests.fakes.lambda_runtime import CALLER, FakeContext
from tests.fakes.table import FakeTable
from tests.unit.conftest import Send
from tests.unit.doors import at_call, refuse

FOX = {"text": "a fox"}
ANOTHER = "fedcba9876543210"
ASYNC = {"prefer": "respond-async"}


@pytest.fixture
def image_id(send: Send) -> str:
    return str(send("POST", "/generate", FOX).json["details"][0]["id"])


@pytest.mark.parametrize(
    ("target", "name", "kind", "size"),
    [
        ("{}.jpg", "full-q90.jpg", "JPEG", (1024, 1024)),
        ("{}.webp?width=320", "w320-q90.webp", "WEBP", (320, 320)),
        ("{}.png?width=64", "w64.png", "PNG", (64, 64)),
        ("{}.webp?width=2048", "full-q90.webp", "WEBP", (1024, 1024)),
    ],
)
def test_a_rendition_is_made_once_and_redirected_to(
    send: Send, bucket: FakeBucket, image_id: str, target: str, name: str, kind: str, size: tuple[int, int]
) -> None:
    first, second = (send("GET", "/images/" + target.format(image_id)) for _ in range(2))

    assert (first.status, second.status) == (302, 302)
    assert first.headers["location"] == f"https://bucket.example/renditions/{image_id}/{name}"
    assert first.headers["cache-control"] == "private, no-store"
    (((of, stored_as), (data, content_type)),) = bucket.renditions.items()
    assert (of, stored_as, content_type) == (image_id, name, f"image/{kind.lower()}")
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size) == (kind, size)
    assert SOURCE_TYPE.encode() in data


@pytest.mark.parametrize("width", [1024, 2048])
def test_a_png_that_is_not_smaller_is_the_original(send: Send, bucket: FakeBucket, image_id: str, width: int) -> None:
    answer = send("GET", f"/images/{image_id}.png?width={width}")
    assert answer.headers["location"] == f"https://bucket.example/{image_id}"
    assert bucket.renditions == {}


def test_ten_callers_at_once_store_one(send: Send, bucket: FakeBucket, image_id: str) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: send("GET", f"/images/{image_id}.webp"), range(10)))
    assert {answer.status for answer in answers} == {302}
    assert len({answer.headers["location"] for answer in answers}) == len(bucket.renditions) == 1


@pytest.mark.parametrize("width", ["63", "2049", "x", "1.5"])
def test_a_width_out_of_range_is_told(send: Send, image_id: str, width: str) -> None:
    answer = send("GET", f"/images/{image_id}.webp?width={width}")
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "width")


@pytest.mark.parametrize("extension", ["gif", "jpeg", "JPG", "png.webp"])
def test_another_extension_is_not_there(send: Send, image_id: str, extension: str) -> None:
    assert send("GET", f"/images/{image_id}.{extension}").status == 404


@pytest.mark.parametrize("target", [".jpg", ".webp", ".png?width=64", "/provenance"])
def test_another_callers_image_is_not_there(send: Send, image_id: str, bucket: FakeBucket, target: str) -> None:
    assert send("GET", f"/images/{image_id}{target}", caller=ANOTHER).status == 404
    assert send("GET", f"/images/0ccb4f4e-8a3b-4a0c-9d61-3f1b3f0c9a11{target}").status == 404
    assert bucket.renditions == {}


def test_a_bucket_that_does_not_answer_is_told(send: Send, bucket: FakeBucket, image_id: str) -> None:
    bucket.refusals.append("SlowDown")
    answer = send("GET", f"/images/{image_id}.jpg")
    assert (answer.status, answer.json["code"]) == (503, "dependency_unavailable")
    assert send("GET", f"/images/{image_id}.jpg").status == 302


def test_renditions_are_deleted_with_their_original(send: Send, bucket: FakeBucket, image_id: str) -> None:
    send("GET", f"/images/{image_id}.jpg")
    assert send("DELETE", f"/images/{image_id}.png").status == 204
    assert bucket.renditions == {}
    assert send("GET", f"/images/{image_id}.jpg").status == 404


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_rendition_that_is_made_during_the_deletion_is_deleted_too(
    send: Send, services: Services, bucket: FakeBucket, table: FakeTable, image_id: str, moment: str
) -> None:
    delete = {moment: lambda: services.gallery.delete(CALLER, image_id)}
    with at_call(0, bucket, "put_rendition", **delete):
        assert send("GET", f"/images/{image_id}.jpg").status == 404
    assert bucket.renditions == {}
    assert not [key for key in table.records if key.startswith("digest#")]


class TestTheFormatOfAnAnswer:
    @pytest.mark.parametrize(("form", "extension"), [("jpeg", "jpg"), ("webp", "webp")])
    def test_is_delivered_for_each_image(self, send: Send, bucket: FakeBucket, form: str, extension: str) -> None:
        answer = send("POST", "/generate", FOX | {"output_format": form, "number_of_images": 2})

        for detail, url in zip(answer.json["details"], answer.json["images"], strict=True):
            data, content_type = bucket.renditions[detail["id"], f"full-q90.{extension}"]
            assert content_type == f"image/{form}"
            assert detail["url"] == url == f"https://bucket.example/renditions/{detail['id']}/full-q90.{extension}"
            assert detail["link"].endswith(f"{detail['id']}.{extension}")
            assert detail["bytes"] == len(data)

    def test_is_no_part_of_the_fingerprint(self, send: Send, bedrock: FakeBedrock) -> None:
        png = send("POST", "/generate", FOX)
        webp = send("POST", "/generate", FOX | {"output_format": "webp"})
        assert webp.headers["idempotent-replayed"] == "true"
        assert webp.json["details"][0]["id"] == png.json["details"][0]["id"]
        assert len(bedrock.calls) == 1

    def test_png_makes_no_rendition(self, send: Send, bucket: FakeBucket) -> None:
        send("POST", "/generate", FOX | {"output_format": "png"})
        assert bucket.renditions == {}

    def test_is_refused_where_it_is_unknown(self, send: Send) -> None:
        answer = send("POST", "/generate", FOX | {"output_format": "gif"})
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, "output_format")

    def test_is_kept_in_the_address_of_a_job(self, send: Send) -> None:
        send("POST", "/generate", FOX)
        done = send("POST", "/generate", FOX | {"output_format": "webp"}, **ASYNC)
        assert done.json["images"][0].endswith(".webp")
        job = send("POST", "/generate", {"text": "an owl", "output_format": "webp"}, **ASYNC)
        assert (
            job.headers["location"] == job.json["links"]["self"] == f"{job.json['links']['cancel']}?output_format=webp"
        )
        target = urlsplit(job.headers["location"])
        assert send("GET", f"/jobs/{job.json['id']}?{target.query}").status == 200
        assert send("GET", f"/jobs/{job.json['id']}?output_format=gif").status == 400

    @pytest.mark.usefixtures("services")
    def test_is_delivered_by_a_direct_invocation(self) -> None:
        answer = lambda_handler(FOX | {"output_format": "jpeg"}, FakeContext())
        assert answer["images"][0].endswith(".jpg")

    def test_never_loses_what_was_paid_for(self, send: Send, bucket: FakeBucket) -> None:
        with at_call(0, bucket, "rendition_bytes", before=lambda: bucket.refusals.append("SlowDown")):
            answer = send("POST", "/generate", FOX | {"output_format": "webp"})

        (image_id,) = bucket.objects
        assert answer.status == 200
        assert answer.json["images"] == [f"https://bucket.example/{image_id}"]
        assert [warning["code"] for warning in answer.json["warnings"]] == ["rendition_failed"]


class TestProvenance:
    def test_tells_an_images_origin(self, send: Send, bucket: FakeBucket, image_id: str) -> None:
        answer = send("GET", f"/images/{image_id}/provenance")

        assert answer.status == 200
        assert answer.json["model"] == "amazon.titan-image-generator-v2:0"
        assert answer.json["sha256"] == hashlib.sha256(bucket.objects[image_id]).hexdigest()
        assert answer.json["digital_source_type"] == SOURCE_TYPE
        assert answer.json["content_credentials"] is None
        assert "a fox" not in answer.text

    @pytest.mark.parametrize("form", ["png", "webp"])
    def test_finds_the_image_of_a_file_for_its_owner_only(
        self, send: Send, bucket: FakeBucket, table: FakeTable, form: str
    ) -> None:
        (detail,) = send("POST", "/generate", FOX | {"output_format": form}).json["details"]
        files = {"png": bucket.objects.values(), "webp": [data for data, _ in bucket.renditions.values()]}
        (data,) = files[form]
        target = f"/images?sha256={hashlib.sha256(data).hexdigest()}"

        assert [image["id"] for image in send("GET", target).json["images"]] == [detail["id"]]
        assert send("GET", target, caller=ANOTHER).json["images"] == []
        send("DELETE", f"/images/{detail['id']}.png")
        assert send("GET", target).json["images"] == []
        assert not [key for key in table.records if key.startswith("digest#")]

    def test_finds_an_image_whose_record_the_table_refused_at_first(
        self, send: Send, bucket: FakeBucket, table: FakeTable
    ) -> None:
        with at_call(0, table, "put", before=refuse):
            (detail,) = send("POST", "/generate", FOX).json["details"]
        target = f"/images?sha256={hashlib.sha256(bucket.objects[detail['id']]).hexdigest()}"
        assert [image["id"] for image in send("GET", target).json["images"]] == [detail["id"]]

    @pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
    def test_finds_the_image_of_a_file_that_came_in_base64(self, send: Send, form: str) -> None:
        asked = {"prompt": "a fox", "response_format": "b64_json", "output_format": form}
        (image,) = send("POST", "/v1/images/generations", asked).json["data"]
        digest = hashlib.sha256(base64.b64decode(image["b64_json"])).hexdigest()
        assert [found["id"] for found in send("GET", f"/images?sha256={digest}").json["images"]] == [image["id"]]

    @pytest.mark.parametrize("digest", ["0" * 63, "g" * 64, "A" * 64])
    def test_refuses_what_is_no_digest(self, send: Send, digest: str) -> None:
        assert send("GET", f"/images?sha256={digest}").json["errors"][0]["field"] == "sha256"

    def test_says_when_the_models_own_manifest_is_kept(
        self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket
    ) -> None:
        image = png(1024, 1024)
        chunk = b"caBX" + b"manifest"
        manifest = struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk))
        signed = image[:33] + manifest + image[33:]
        bedrock.enqueue({"images": [base64.b64encode(signed).decode()], "error": None})
        (detail,) = send("POST", "/generate", FOX).json["details"]
        assert send("GET", f"/images/{detail['id']}/provenance").json["content_credentials"] == "model"
        assert bucket.objects[detail["id"]] == signed
