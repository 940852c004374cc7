"""Without HTTP, with boto3. Prints each image's S3 key, or the error's class and what to do."""

import json
import os
import sys

import boto3
from botocore.config import Config

# The function may take two minutes. boto3 must not send again what may be running.
functions = boto3.client("lambda", config=Config(read_timeout=130, retries={"total_max_attempts": 1}))
event = {"text": "A market at dawn", "width": 512, "height": 512, "idempotency_key": "sample-boto3"}
answer = functions.invoke(FunctionName=os.environ["FUNCTION"], Payload=json.dumps(event))
body = json.load(answer["Payload"])
if "FunctionError" in answer:
    sys.exit(f"{body['errorType']}: {body['errorMessage']}")
for image in body["details"]:
    print(f"{body['local_path']}/{image['id']}.png" if image["status"] == "stored" else image["reason"])
