"""The least that does the work: call the model, decode, store, presign. No validation, no record, no fitting."""

import base64
import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from channel import answer

bedrock = boto3.client("bedrock-runtime", region_name=os.environ.get("MODEL_REGION", "us-west-2"))
s3 = boto3.client("s3")
bucket = os.environ.get("BUCKET_NAME", "bucket")


def call(request: Any) -> Any:  # noqa: ANN401 - any JSON
    if len(request["bodies"]) == 1:
        return {"images": [image(request["model"], request["bodies"][0])]}
    with ThreadPoolExecutor(len(request["bodies"])) as threads:
        return {"images": list(threads.map(lambda body: image(request["model"], body), request["bodies"]))}


def image(model: str, body: dict[str, Any]) -> str:
    response = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    png = base64.b64decode(json.load(response["body"])["images"][0])
    key = f"generated_images/{uuid.uuid4()}.png"
    s3.put_object(Bucket=bucket, Key=key, Body=png, ContentType="image/png")
    return s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=1800)


if __name__ == "__main__":
    answer({"ready": time.monotonic()})
    from measured import serve

    serve(call)
