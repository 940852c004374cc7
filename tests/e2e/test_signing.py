"""A stack that signs, with a key in KMS, its certificates in SSM and the C2PA library in a layer."""

import io
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
import pytest
from c2pa import C2paError, Reader

from tests import exiftool
from tests.e2e.alarms import Alarms
from tests.e2e.laptop import Stack, eventually, start, stop
from tests.fakes.certificates import ORGANISATION, SIGNER, chain

FOX = {"text": "a fox", "width": 640, "height": 512}
EDITS = {"png": "c2pa.cropped", "jpg": "c2pa.transcoded", "webp": "c2pa.transcoded"}
"""What the manifest of each format has to say."""


@dataclass(frozen=True)
class Signing:
    """The running stack, and what it answered to `FOX`."""

    stack: Stack

    @cached_property
    def generated(self) -> dict[str, Any]:
        return self.post(seed=1)

    def post(self, prefer: str = "", **asked: object) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.stack.description['api_url']}/generate",
            json=FOX | asked,
            headers={"x-api-key": self.stack.description["api_key"], "Prefer": prefer},
            timeout=60,
            trust_env=False,
        )
        content: dict[str, Any] = answer.json()
        return content

    def get(self, path: str) -> httpx.Response:
        answer = httpx.get(
            f"{self.stack.description['api_url']}{path}",
            headers={"x-api-key": self.stack.description["api_key"]},
            timeout=60,
            trust_env=False,
        )
        if answer.status_code == httpx.codes.FOUND:
            return httpx.get(answer.headers["location"], trust_env=False)
        return answer

    def file(self, extension: str, generated: dict[str, Any] | None = None) -> bytes:
        (detail,) = (generated or self.generated)["details"]
        return self.get(f"/images/{detail['id']}.{extension}").content


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signing]:
    stack = start(tmp_path_factory.mktemp("signing"))
    kms = stack.client("kms")
    arn = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    certificates = chain(kms.get_public_key(KeyId=arn)["PublicKey"]).replace("\n", " ")
    start(stack.folder, "--parameters", shlex.join([f"SigningKeyArn={arn}", f"SigningCertificates={certificates}"]))
    yield Signing(stack)
    stop(stack.folder)


def test_the_answer_and_the_record_say_that_it_is_signed(signing: Signing) -> None:
    assert signing.generated["warnings"] == []
    told = signing.get(f"/images/{signing.generated['details'][0]['id']}/provenance").json()
    assert (told["content_credentials"], told["signed_by"]) == ("operator", f"{SIGNER}, {ORGANISATION}")


@pytest.mark.parametrize("extension", EDITS)
def test_the_library_finds_each_format_sound(signing: Signing, extension: str) -> None:
    content = credentials(signing.file(extension), extension)
    assert content["validation_state"] == "Valid"
    assert content["manifests"][content["active_manifest"]]["signature_info"]["common_name"] == SIGNER


@exiftool.is_needed
@pytest.mark.parametrize(("extension", "edit"), EDITS.items())
def test_exiftool_agrees(signing: Signing, extension: str, edit: str) -> None:
    data = signing.file(extension)
    told = exiftool.manifest(data)
    assert credentials(data, extension)["active_manifest"] in told
    assert edit in told
    assert "trainedAlgorithmicMedia" in told
    assert "trainedAlgorithmicMedia" in exiftool.read(data, "-XMP:all")


def test_a_job_signs_too(signing: Signing) -> None:
    job = signing.post(prefer="respond-async", seed=2)
    result = eventually(lambda: signing.get(f"/jobs/{job['id']}").json()["result"])
    assert result["warnings"] == []
    content = credentials(signing.file("png", result), "png")
    assert content["validation_state"] == "Valid"


def test_an_image_that_cannot_be_signed_is_delivered_and_the_alarm_goes_off(signing: Signing) -> None:
    alarms = Alarms(signing.stack)
    assert not alarms.goes_off("SigningFailed")
    with signing.stack.denied("ApiRole", "kms:Sign"):
        generated = signing.post(seed=3)
    assert [warning["code"] for warning in generated["warnings"]] == ["not_signed"]
    with pytest.raises(C2paError, match="ManifestNotFound"):
        credentials(signing.file("png", generated), "png")
    assert eventually(lambda: alarms.goes_off("SigningFailed"))


def credentials(data: bytes, extension: str) -> dict[str, Any]:
    with Reader(extension, io.BytesIO(data)) as reader:
        content: dict[str, Any] = json.loads(reader.json())
    return content
