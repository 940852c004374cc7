"""The functions have exactly the permissions of the template's roles."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.e2e.laptop import Emulator, Stack

Role = dict[str, str]


@pytest.fixture
def someone_elses_object(stack: Stack) -> str:
    key = "private/plans.txt"
    stack.client("s3").put_object(Bucket=stack.description["bucket"], Key=key, Body=b"plans")
    return key


def test_the_role_reads_images_but_no_other_prefix(
    stack: Stack, role_credentials: Role, someone_elses_object: str
) -> None:
    bucket = stack.description["bucket"]
    stack.client("s3").put_object(Bucket=bucket, Key="generated_images/mine.txt", Body=b"mine")
    s3 = stack.client("s3", **role_credentials)

    assert s3.get_object(Bucket=bucket, Key="generated_images/mine.txt")["Body"].read() == b"mine"
    _assert_denied(lambda: s3.get_object(Bucket=bucket, Key=someone_elses_object))
    _assert_denied(lambda: s3.put_object(Bucket=bucket, Key="elsewhere.png", Body=b""))
    _assert_denied(lambda: s3.list_objects_v2(Bucket=bucket))
    _assert_denied(lambda: s3.delete_object(Bucket=bucket, Key=someone_elses_object))


def test_the_role_invokes_no_model_that_its_policy_does_not_name(
    stack: Stack, emulator: Emulator, role_credentials: Role
) -> None:
    bedrock = stack.client("bedrock-runtime", **role_credentials, endpoint_url=stack.description["bedrock_url"])
    request = json.dumps({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}})

    bedrock.invoke_model(modelId="amazon.titan-image-generator-v2:0", body=request)
    _assert_denied(lambda: bedrock.invoke_model(modelId="amazon.titan-image-generator-v1", body=request))
    assert [call["status"] for call in emulator.calls() if call["images"]] == [200]


@pytest.fixture
def without_invoke_model(stack: Stack) -> Iterator[None]:
    iam = stack.client("iam")
    names = {"RoleName": stack.role.rpartition("/")[2], "PolicyName": "NoModels"}
    statement = {"Effect": "Deny", "Action": "bedrock:InvokeModel", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_role_policy(**names, PolicyDocument=json.dumps(policy))
    yield
    iam.delete_role_policy(**names)
    stack.forget()


@pytest.mark.usefixtures("without_invoke_model")
def test_without_invoke_model_the_answer_says_what_to_fix(
    api: httpx.Client, emulator: Emulator, documented: dict[str, Any]
) -> None:
    answer = api.post("/generate", json=documented)

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["aws_error"]) == ("model_access_denied", "AccessDeniedException")
    assert not any(call["images"] for call in emulator.calls())


def test_the_restored_role_generates_again(api: httpx.Client, documented: dict[str, Any]) -> None:
    assert api.post("/generate", json=documented).status_code == 200


def _assert_denied(attempt: Any) -> None:  # noqa: ANN401 - any call
    with pytest.raises(ClientError) as denied:
        attempt()
    assert denied.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
