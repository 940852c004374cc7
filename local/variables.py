"""Writes the file of variables for `sam local` on any machine, from a stack that is deployed on AWS."""

from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import StackError
from local.invoke import events_token
from local.places import write_json

NEXT = """\
Wrote {file}: the environment variables of {functions}.
With your own credentials, which need the permissions of the function's role, and after `sam build`:
    sam local invoke ApiFunction --event events/direct.json --env-vars {file}
    sam local start-api --env-vars {file}"""
UNREADABLE = """\
The stack {stack} could not be read: {error}
Check its name (`make variables STACK=…`), the region (AWS_DEFAULT_REGION) and your credentials."""


def write(stack: str, file: Path) -> str:
    """Write the file, and return what to do with it."""
    try:
        variables = _read(stack)
    except (BotoCoreError, ClientError) as error:
        raise StackError(UNREADABLE.format(stack=stack, error=error)) from error
    write_json(file, variables)
    return NEXT.format(file=file, functions=", ".join(variables))


def _read(stack: str) -> dict[str, dict[str, str]]:
    functions = boto3.client("lambda")
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources if _is_function(each)}
    if not names:
        raise StackError(UNREADABLE.format(stack=stack, error="it has no functions."))
    found = {name: functions.get_function_configuration(FunctionName=real) for name, real in names.items()}
    return {name: events_token(each["Environment"]["Variables"]) for name, each in found.items()}


def _is_function(resource: object) -> bool:
    return isinstance(resource, dict) and resource["ResourceType"] == "AWS::Lambda::Function"
