"""The roles of examples/github-deploy.yaml may do what CloudFormation needs for the stack, and little else."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from checks.template import EVERYTHING, PROJECT, declared, translated

TEMPLATE = yaml_parse((PROJECT / "examples" / "github-deploy.yaml").read_text())
DEPLOYED = translated({**declared("prod"), **EVERYTHING})["Resources"].values()

UNUSED = re.compile(
    # Other services that a web ACL or a function may stand before or in.
    r"amplify:|apprunner:|appsync:|bedrock-agentcore:|cognito-idp:|ec2:|elasticfilesystem:|elasticloadbalancing:"
    r"|firehose:|kinesis:|s3files:|s3tables:|wafv2:\w+PermissionPolicy"
    # Lists of the whole account, for imports.
    r"|kms:List(Keys|Aliases)|s3:ListAllMyBuckets|iam:ListRoles|sqs:ListQueues|events:ListRules|sns:ListTopics"
    r"|dynamodb:ListTables"
    # Features that the template does not use.
    r"|dynamodb:\w*(Item|Query|Scan|Import\w*|Replica|Kinesis\w*|DeleteResourcePolicy|PutResourcePolicy)$"
    r"|kms:(Encrypt|RevokeGrant)|iam:DeleteRolePermissionsBoundary"
    r"|lambda:(GetCodeSigningConfig|PassCapacityProvider)"
    r"|logs:\w*(LogStreams?|LogEvents|ResourcePolicy|DataProtectionPolicy|PutIndexPolicy|DeleteIndexPolicy"
    r"|BearerTokenAuthentication)$"
    r"|s3:\w*(Object|ObjectAcl|ObjectMetadata|ObjectVersion|REST\.PUT\.OBJECT|BucketMetadata\w*|DeleteBucket\w+)$"
    r"|s3:\w*(Metadata|Annotation|Journal|Inventory)TableConfiguration|ssm:LabelParameterVersion"
)
"""Permissions in CloudFormation's schemas that this template's resources do not need."""


@cache
def schemas() -> dict[str, dict[str, Any]]:
    (folder,) = (PROJECT / ".local" / "venvs" / "sam").glob("lib/python*/site-packages/cfnlint/data/schemas/resources")
    contents = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    return {content["typeName"]: content for content in contents if "typeName" in content}


def needed(resource_type: str) -> set[str]:
    handlers = schemas()[resource_type].get("handlers", {}).values()
    return {action for each in handlers for action in each.get("permissions", []) if not UNUSED.match(action)}


def allowed(role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for policy in TEMPLATE["Resources"][role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            yield from ((action, statement) for action in ([actions] if isinstance(actions, str) else actions))


@pytest.mark.parametrize("resource_type", sorted({resource["Type"] for resource in DEPLOYED}))
def test_cloudformation_may_create_change_and_delete_each_resource(resource_type: str) -> None:
    actions = [action for action, _ in allowed("CloudFormationRole")]
    missing = {each for each in needed(resource_type) if not any(fnmatchcase(each, action) for action in actions)}
    assert missing == set()


@pytest.mark.parametrize("private", ["s3:DeleteObject", "dynamodb:GetItem", "dynamodb:Query", "logs:GetLogEvents"])
def test_cloudformation_reads_no_image_record_or_log(private: str) -> None:
    assert [action for action, _ in allowed("CloudFormationRole") if fnmatchcase(private, action)] == []


def test_objects_are_read_from_the_packages_alone() -> None:
    reading = [statement for action, statement in allowed("CloudFormationRole") if fnmatchcase("s3:GetObject", action)]
    assert [statement["Resource"] for statement in reading] == [
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::${PackagesBucket}/*"}
    ]


def test_only_the_protected_environment_of_one_repository_may_deploy() -> None:
    (trusted,) = TEMPLATE["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
    }


def test_the_workflow_changes_nothing_but_through_cloudformation() -> None:
    actions = {action.partition(":")[0] for action, _ in allowed("DeployRole")}
    assert actions == {"cloudformation", "s3", "iam"}
    assert not any(fnmatchcase("cloudformation:DeleteStack", action) for action, _ in allowed("DeployRole"))


def test_a_role_is_only_passed_to_a_named_service() -> None:
    for role in ("DeployRole", "CloudFormationRole"):
        passing = [statement for action, statement in allowed(role) if action == "iam:PassRole"]
        assert passing
        assert all(statement["Condition"]["StringEquals"]["iam:PassedToService"] for statement in passing)
