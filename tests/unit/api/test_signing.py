"""Images that the operator's key signs, as the C2PA library reads them."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from c2pa import C2paError, Reader
from PIL import Image

import bootstrap
from bootstrap import Services
from imaging.images.encoding import Format, Rendition, encode
from imaging.images.provenance import SOURCE_TYPE, has_manifest
from imaging.images.signing import Signer
from tests.fakes.bedrock import FakeBedrock, png
from tests.fakes.bucket import FakeBucket
from tests.fakes.certificates import ORGANISATION, SIGNER
from tests.fakes.signing_key import FakeSigningKey
from tests.fakes.table import FakeTable
from tests.unit.conftest import Answer, Send
from tests.unit.doors import at_call

FOX = {"text": "a fox", "model": "titan"}
MODEL = "amazon.titan-image-generator-v2:0"
BY = f"{SIGNER}, {ORGANISATION}"


@pytest.fixture
def key(services: Services, monkeypatch: pytest.MonkeyPatch) -> FakeSigningKey:
    key = FakeSigningKey()
    signing = replace(services, signing_key=key)
    monkeypatch.setattr(bootstrap, "services", lambda: signing)
    return key


@dataclass(frozen=True)
class Credentials:
    """What the library says of a file."""

    content: dict[str, Any]

    @classmethod
    def of(cls, data: bytes, content_type: str = "image/png") -> "Credentials":
        with Reader(content_type, io.BytesIO(data)) as reader:
            return cls(json.loads(reader.json()))

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.content["manifests"][self.content["active_manifest"]]
        return found

    @property
    def actions(self) -> Sequence[dict[str, Any]]:
        (actions,) = [one["data"]["actions"] for one in self.manifest["assertions"] if "actions" in one["label"]]
        return list(actions)

    @property
    def action_names(self) -> Sequence[str]:
        return [action["action"] for action in self.actions]

    @property
    def is_sound(self) -> bool:
        """Whether everything is as it was signed; a test's authority is trusted by nobody."""
        codes = {status["code"] for status in self.content["validation_status"]}
        return self.content["validation_state"] == "Valid" and codes == {"signingCredential.untrusted"}


def model_answers(bedrock: FakeBedrock, image: bytes) -> None:
    bedrock.enqueue({"images": [base64.b64encode(image).decode()], "error": None})


def signed_by_the_model(width: int, height: int) -> bytes:
    signed = Signer(FakeSigningKey()).signed(png(width, height), Format.PNG, png(width, height), "its model", [])
    assert signed
    return signed.data


def generated(send: Send, **asked: object) -> dict[str, Any]:
    answer = send("POST", "/generate", FOX | asked)
    assert answer.status == 200
    content: dict[str, Any] = answer.json
    return content


@pytest.mark.usefixtures("key")
class TestSigned:
    def test_a_file_says_that_the_model_made_it_and_who_signed(self, send: Send, bucket: FakeBucket) -> None:
        answer = generated(send)
        credentials = Credentials.of(bucket.objects[answer["details"][0]["id"]])

        assert credentials.is_sound
        assert credentials.manifest["signature_info"]["common_name"] == SIGNER
        assert credentials.manifest["claim_generator_info"][0]["name"] == "text-to-image-api"
        (created,) = credentials.actions
        assert (created["action"], created["digitalSourceType"]) == ("c2pa.created", SOURCE_TYPE)
        assert created["softwareAgent"]["name"] == MODEL
        assert answer["warnings"] == []

    def test_the_packet_stays_and_the_prompt_is_nowhere(self, send: Send, bucket: FakeBucket) -> None:
        answer = generated(send, text="a secret plan")
        data = bucket.objects[answer["details"][0]["id"]]
        with Image.open(io.BytesIO(data)) as picture:
            assert SOURCE_TYPE in picture.info["xmp"].decode()
        assert b"secret plan" not in data

    def test_fitting_is_an_action(self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket) -> None:
        model_answers(bedrock, png(1024, 1024))
        (detail,) = generated(send, width=800, height=600)["details"]
        credentials = Credentials.of(bucket.objects[detail["id"]])
        assert credentials.is_sound
        assert credentials.action_names == ["c2pa.created", "c2pa.cropped", "c2pa.resized"]

    @pytest.mark.parametrize(("width", "edits"), [(1024, []), (512, ["c2pa.cropped", "c2pa.resized"])])
    def test_the_models_manifest_becomes_an_ingredient(
        self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket, width: int, edits: Sequence[str]
    ) -> None:
        original = signed_by_the_model(1024, 1024)
        model_answers(bedrock, original)
        (detail,) = generated(send, width=width)["details"]
        credentials = Credentials.of(bucket.objects[detail["id"]])

        assert credentials.is_sound
        (ingredient,) = credentials.manifest["ingredients"]
        assert ingredient["relationship"] == "parentOf"
        assert ingredient["active_manifest"] == Credentials.of(original).content["active_manifest"]
        assert credentials.action_names == ["c2pa.opened", *edits]

    @pytest.mark.parametrize(
        ("name", "content_type", "edits"),
        [
            (".webp", "image/webp", ["c2pa.transcoded"]),
            (".jpg?width=64", "image/jpeg", ["c2pa.resized", "c2pa.transcoded"]),
            (".png?width=64", "image/png", ["c2pa.resized"]),
        ],
    )
    def test_a_rendition_is_signed_with_the_original_as_ingredient(
        self, send: Send, bucket: FakeBucket, name: str, content_type: str, edits: Sequence[str]
    ) -> None:
        (detail,) = generated(send)["details"]
        assert send("GET", f"/images/{detail['id']}{name}").status == 302
        ((data, _),) = bucket.renditions.values()
        credentials, original = Credentials.of(data, content_type), Credentials.of(bucket.objects[detail["id"]])

        assert credentials.is_sound
        (ingredient,) = credentials.manifest["ingredients"]
        assert ingredient["active_manifest"] == original.content["active_manifest"]
        assert credentials.action_names == ["c2pa.opened", *edits]

    def test_base64_is_signed_in_each_format(self, send: Send) -> None:
        for form in Format:
            asked = {"prompt": "a fox", "seed": 1, "response_format": "b64_json", "output_format": form.value}
            (image,) = send("POST", "/v1/images/generations", asked).json["data"]
            assert Credentials.of(base64.b64decode(image["b64_json"]), form.content_type).is_sound

    def test_of_two_callers_at_once_both_get_the_file_that_is_stored(
        self, send: Send, bucket: FakeBucket, table: FakeTable
    ) -> None:
        def create(form: str) -> Answer:
            asked = {"prompt": "a fox", "response_format": "b64_json", "output_format": form}
            return send("POST", "/v1/images/generations", asked, idempotency_key="k")

        create("png")
        before, another = set(table.records), list[Answer]()
        with at_call(0, bucket, "put_rendition", before=lambda: another.append(create("webp"))):
            first = create("webp")

        ((stored, _),) = bucket.renditions.values()
        files = {base64.b64decode(answer.json["data"][0]["b64_json"]) for answer in (first, *another)}
        assert files == {stored}
        (digest,) = set(table.records) - before
        assert hashlib.sha256(stored).hexdigest() in digest

    def test_a_changed_file_is_noticed(self, send: Send, bucket: FakeBucket) -> None:
        (detail,) = generated(send)["details"]
        data = bytearray(bucket.objects[detail["id"]])
        data[-20] ^= 1
        assert Credentials.of(bytes(data)).content["validation_state"] == "Invalid"

    def test_provenance_says_who_signed(self, send: Send) -> None:
        (detail,) = generated(send)["details"]
        told = send("GET", f"/images/{detail['id']}/provenance").json
        assert (told["content_credentials"], told["signed_by"]) == ("operator", BY)


class TestNotSigned:
    """The image is paid for, so it is delivered."""

    @pytest.fixture
    def of_another_key(self, key: FakeSigningKey) -> None:
        key.certified = FakeSigningKey().key

    @pytest.fixture
    def refused(self, key: FakeSigningKey) -> None:
        key.refusal = "KMSInvalidStateException"

    @pytest.fixture
    def without_the_library(self, key: FakeSigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
        assert key
        monkeypatch.setitem(__import__("sys").modules, "c2pa", None)

    @pytest.mark.parametrize("failure", ["of_another_key", "refused", "without_the_library"])
    def test_the_image_comes_with_a_warning(
        self,
        request: pytest.FixtureRequest,
        send: Send,
        bucket: FakeBucket,
        failure: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        request.getfixturevalue(failure)
        answer = generated(send)
        (detail,) = answer["details"]

        assert [warning["code"] for warning in answer["warnings"]] == ["not_signed"]
        assert not has_manifest(bucket.objects[detail["id"]])
        told = send("GET", f"/images/{detail['id']}/provenance").json
        assert (told["content_credentials"], told["signed_by"]) == (None, None)
        assert '"SigningFailed":[1.0]' in capsys.readouterr().out.replace(" ", "")

    def test_the_models_manifest_stays(
        self, send: Send, bedrock: FakeBedrock, bucket: FakeBucket, key: FakeSigningKey
    ) -> None:
        key.refusal = "AccessDeniedException"
        original = signed_by_the_model(1024, 1024)
        model_answers(bedrock, original)
        (detail,) = generated(send)["details"]
        assert bucket.objects[detail["id"]] == original
        assert send("GET", f"/images/{detail['id']}/provenance").json["content_credentials"] == "model"

    def test_a_rendition_is_delivered_unsigned(self, send: Send, bucket: FakeBucket, key: FakeSigningKey) -> None:
        (detail,) = generated(send)["details"]
        key.refusal = "AccessDeniedException"
        assert send("GET", f"/images/{detail['id']}.webp").status == 302
        ((data, _),) = bucket.renditions.values()
        with pytest.raises(C2paError, match="ManifestNotFound"):
            Credentials.of(data, "image/webp")

    @pytest.mark.usefixtures("refused")
    def test_the_log_says_why(self, send: Send, log: io.StringIO) -> None:
        generated(send)
        (line,) = [json.loads(line) for line in log.getvalue().splitlines() if "not signed" in line]
        assert (line["exception_name"], line["reason"]) == ("SigningError", "KMSInvalidStateException")

    def test_without_a_signing_key_nothing_changes(self, send: Send, services: Services, bucket: FakeBucket) -> None:
        assert services.signer is None
        answer = generated(send)
        assert answer["warnings"] == []
        assert not has_manifest(bucket.objects[answer["details"][0]["id"]])
        assert not has_manifest(encode(bucket.objects[answer["details"][0]["id"]], Rendition(Format.PNG, 64)))
