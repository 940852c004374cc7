"""The template keeps its promises: least privilege, private images, logs that end, parameters that are documented."""

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.routes.jobs import POLL_SECONDS
from checks import template
from checks.template import ENVIRONMENTS, declared
from imaging.errors import Misconfigured
from imaging.models.catalog import FAMILIES, MODELS
from imaging.planning.route import Route
from local import parameters
from local.intrinsics import Conditions
from settings import Settings
from tests.unit.template import TEMPLATE, resources_of, source, statements, translated

ROOT = TEMPLATE.parent
KMS_KEY = "arn:aws:kms:us-west-2:123456789012:key/0b1d"
SIGNING_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nTWFkZSB1cA==\n-----END CERTIFICATE-----\n"
ROLES = [name for name, resource in translated()["Resources"].items() if resource["Type"] == "AWS::IAM::Role"]
FUNCTION_ROLES = [role for role in ROLES if role != "ApiGatewayLogWriterRole"]


def listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


def test_the_role_names_exactly_the_catalogs_models_where_they_live() -> None:
    listed = resources_of("ApiRole", "bedrock:InvokeModel")
    assert {arn["Fn::Sub"] for arn in listed if "Fn::Sub" in arn} == {
        f"arn:${{AWS::Partition}}:bedrock:{region}::foundation-model/{model.id}"
        for model in MODELS.values()
        for region in model.regions
    }


def test_the_role_may_do_what_the_documents_name() -> None:
    assert resources_of("ApiRole", "bedrock:GetModelInvocationLoggingConfiguration") == ["*"]


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_nothing_else_is_allowed_on_everything(role: str) -> None:
    wide = {action for each in statements(role) if each["Resource"] == "*" for action in listed(each["Action"])}
    assert wide <= {
        "bedrock:GetModelInvocationLoggingConfiguration",
        "bedrock:GetFoundationModelAvailability",
        "cloudwatch:GetMetricData",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
    }
    assert not any("*" in str(statement["Action"]) for statement in statements(role))


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject"])
def test_images_are_reached_below_their_prefix_only(action: str) -> None:
    assert {arn["Fn::Sub"] for arn in resources_of("ApiRole", action)} == {
        "${ImageBucket.Arn}/generated_images/*",
        "${ImageBucket.Arn}/renditions/*",
    }


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject"])
def test_the_worker_reaches_originals_only(action: str) -> None:
    assert resources_of("WorkerRole", action) == [{"Fn::Sub": "${ImageBucket.Arn}/generated_images/*"}]


def test_only_records_that_find_a_file_can_be_deleted() -> None:
    [statement] = [one for role in FUNCTION_ROLES for one in statements(role) if "dynamodb:DeleteItem" in str(one)]
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "digest#*"}}


def test_renditions_live_as_long_as_originals() -> None:
    rules = source()["Resources"]["ImageBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert days["renditions/"] == days["generated_images/"]


@pytest.mark.parametrize(
    "action",
    ["bedrock:GetModelInvocationLoggingConfiguration", "s3:DeleteObject", "s3:GetBucketLocation", "dynamodb:Query"],
)
def test_the_worker_may_not_do_what_only_the_api_does(action: str) -> None:
    assert resources_of("ApiRole", action)
    assert not resources_of("WorkerRole", action)


def test_the_default_lists_are_the_documented_ones() -> None:
    defaults = {name: parameter["Default"] for name, parameter in source()["Parameters"].items()}
    assert [Route.parse(entry).model.id for entry in defaults["StandardModels"].split(",")] == [
        "amazon.titan-image-generator-v2:0",
        "stability.stable-image-core-v1:1",
    ]
    assert [Route.parse(entry).model.id for entry in defaults["PremiumModels"].split(",")] == [
        "amazon.titan-image-generator-v2:0",
        "stability.stable-image-ultra-v1:1",
    ]


def test_the_function_gets_every_setting_that_it_reads() -> None:
    given = source()["Resources"]["ApiFunction"]["Properties"]["Environment"]["Variables"]
    read = {field.upper() for field in Settings.model_fields} - {"AWS_REGION"}
    assert read <= set(given)


def test_a_missing_or_wrong_setting_is_named() -> None:
    with pytest.raises(Misconfigured, match="BUCKET_NAME") as missing:
        Settings.from_environment({"STANDARD_MODELS": "dall-e", "PREMIUM_MODELS": "ultra", "LINK_MINUTES": "61"})
    assert "STANDARD_MODELS" in str(missing.value)
    assert "LINK_MINUTES" in str(missing.value)


def test_every_function_writes_to_a_log_group_that_ends() -> None:
    resources = translated()["Resources"]
    groups = {name for name, resource in resources.items() if resource["Type"] == "AWS::Logs::LogGroup"}
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::Function":
            assert resource["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in groups
    assert all("RetentionInDays" in resources[group]["Properties"] for group in groups)


def test_the_bucket_is_private_encrypted_and_forgets() -> None:
    bucket = translated()["Resources"]["ImageBucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == {"Ref": "RetentionDays"}


@pytest.mark.parametrize("resource", ["ImageBucket", "Table"])
def test_what_holds_data_outlives_the_stack_but_not_a_failed_first_deployment(resource: str) -> None:
    kept = translated()["Resources"][resource]
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_dead_letters_can_be_put_back() -> None:
    """StartMessageMoveTask takes messages only from a queue that is another one's dead-letter queue."""
    policy = translated()["Resources"]["Queue"]["Properties"]["RedrivePolicy"]
    assert policy == {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}, "maxReceiveCount": 1000}


def test_asynchronous_invocations_are_not_retried_by_lambda() -> None:
    assert source()["Resources"]["ApiFunction"]["Properties"]["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}


def test_the_runtime_is_one_that_the_project_promises() -> None:
    runtime = source()["Parameters"]["PythonRuntime"]["Default"].removeprefix("python")
    lowest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert lowest
    assert tuple(map(int, runtime.split("."))) >= tuple(map(int, lowest[1].split(".")))


FOLLOW_THE_AUTHORIZER = {
    "UNAUTHORIZED",
    "ACCESS_DENIED",
    "INVALID_API_KEY",
    "THROTTLED",
    "QUOTA_EXCEEDED",
    "INTEGRATION_TIMEOUT",
}
GATEWAY_RESPONSES = source()["Resources"]["Api"]["Properties"]["GatewayResponses"]


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_each_gateway_response_is_a_problem_and_an_openai_error_in_one(name: str) -> None:
    response = GATEWAY_RESPONSES[name]
    headers, text = response["ResponseParameters"]["Headers"], response["ResponseTemplates"]["application/json"]
    # Only messageString brings its own quotation marks; the other variables stand inside ours.
    body = json.loads(text.replace("$context.error.messageString", '"a message"'))
    assert {"type", "title", "code", "detail", "instance", "request_id", "error"} <= set(body)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    by_path = name in FOLLOW_THE_AUTHORIZER
    assert headers["Content-Type"] == ("context.authorizer.error_type" if by_path else "'application/problem+json'")
    assert headers["x-request-id"] == "context.requestId"
    assert body.get("status") == response.get("StatusCode")
    assert ("Retry-After" in headers) == (response.get("StatusCode") in {429, 504})
    any_page_if_any = {"Fn::If": ["HasCorsOrigins", "'*'", {"Ref": "AWS::NoValue"}]}
    assert headers["Access-Control-Allow-Origin"] == headers["Access-Control-Expose-Headers"] == any_page_if_any


def test_a_denied_request_is_answered_like_an_unauthorized_one() -> None:
    """The authorizer denies, API Gateway finds a key invalid: to a client both are the same 401."""
    denied = GATEWAY_RESPONSES["ACCESS_DENIED"]
    assert denied["StatusCode"] == 401
    assert denied == GATEWAY_RESPONSES["UNAUTHORIZED"] == GATEWAY_RESPONSES["INVALID_API_KEY"]


def test_authorizer_and_function_have_one_token_that_no_output_shows() -> None:
    token = source()["Resources"]["AuthorizerFunction"]["Properties"]["Environment"]["Variables"]["GATEWAY_TOKEN"]
    assert source()["Resources"]["ApiFunction"]["Properties"]["Environment"]["Variables"]["GATEWAY_TOKEN"] == token
    assert token not in [output["Value"] for output in source()["Outputs"].values()]


def test_the_token_is_derived_from_nothing_that_a_caller_may_know() -> None:
    """The public key shows the stack's id, addresses show the API's, and names can be guessed; no answer shows a role's
    unique id."""
    token = source()["Resources"]["AuthorizerFunction"]["Properties"]["Environment"]["Variables"]["GATEWAY_TOKEN"]
    assert re.findall(r"\$\{(.*?)\}", token["Fn::Sub"]) == ["AuthorizerRole.RoleId"]


NEVER_HOLDS_A_QUOTATION_MARK = {
    "authorizer.caller",
    "error.responseType",
    "httpMethod",
    "identity.apiKeyId",
    "identity.sourceIp",
    "requestId",
    "requestTime",
    "responseLatency",
    "status",
}
"""API Gateway fills in variables without escaping them; these are its own words, and the authorizer's hex digits."""


def variables(text: str) -> set[str]:
    return set(re.findall(r"\$context\.([A-Za-z.]*[A-Za-z])", text))


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_nothing_that_a_caller_writes_can_break_a_gateway_response(name: str) -> None:
    text = GATEWAY_RESPONSES[name]["ResponseTemplates"]["application/json"]
    assert variables(text) <= NEVER_HOLDS_A_QUOTATION_MARK | {"error.messageString"}


def test_each_line_of_the_access_log_is_json_whatever_a_caller_writes() -> None:
    line = source()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"]
    assert variables(line) <= NEVER_HOLDS_A_QUOTATION_MARK
    assert {"request_id", "api_key_id", "caller", "status"} <= set(json.loads(line))


def test_a_body_that_is_too_large_is_answered_with_the_limit() -> None:
    assert "6 MB" in GATEWAY_RESPONSES["REQUEST_TOO_LARGE"]["ResponseTemplates"]["application/json"]


def test_a_timeout_says_which_requests_collect_their_result() -> None:
    body = GATEWAY_RESPONSES["INTEGRATION_TIMEOUT"]["ResponseTemplates"]["application/json"]
    texts = (json.loads(body)["detail"], json.loads(body)["error"]["message"])
    assert all("Idempotency-Key or a fixed seed" in text for text in texts)


METHODS = translated()["Resources"]["Api"]["Properties"]["Body"]["paths"]["/{proxy+}"]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_is_open(method: str) -> None:
    assert {name for entry in METHODS[method]["security"] for name in entry} == {"KeyAuthorizer", "api_key"}


@pytest.mark.parametrize("function", ["ApiFunction", "WorkerFunction"])
def test_a_setting_is_the_parameter_of_its_name(function: str) -> None:
    given = source()["Resources"][function]["Properties"]["Environment"]["Variables"]
    by_name = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): name for name in source()["Parameters"]}
    wired = {name: given[name]["Ref"] for name in given.keys() & by_name.keys() if "Ref" in given[name]}
    assert wired == {name: by_name[name] for name in wired}
    assert {"MONTHLY_BUDGET_USD", "MONTHLY_BUDGET_PER_KEY_USD", "DEDUPLICATION_MINUTES"} <= set(wired)


def test_every_parameter_is_grouped_for_the_console() -> None:
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert {name for group in groups for name in group["Parameters"]} == set(source()["Parameters"])


def test_every_environment_variable_is_documented() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    resources = source()["Resources"]
    functions = (resources["ApiFunction"], resources["AuthorizerFunction"], source()["Globals"]["Function"])
    given = [(function.get("Properties") or function)["Environment"]["Variables"] for function in functions]
    env_example = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert [name for name in itertools.chain(*given, env_example) if f"`{name}`" not in page] == []


def test_every_event_file_is_used_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for path in Path(ROOT / "events").glob("*.json"):
        assert f'event("{path.stem}")' in tests or path.name in tests, path.name


def test_no_resource_waits_by_name_for_one_that_may_not_exist() -> None:
    resources = translated()["Resources"]
    awaited = itertools.chain.from_iterable(_names(resource.get("DependsOn", [])) for resource in resources.values())
    assert [name for name in awaited if "Condition" in resources[name]] == []


def test_the_accounts_settings_wait_for_a_resource_of_api_gateway_and_the_stage_for_them() -> None:
    resources = translated()["Resources"]
    (first,) = _names(resources["ApiGatewayAccount"]["DependsOn"])
    assert resources[first]["Type"].startswith("AWS::ApiGateway::")
    assert _needed(resources, first).isdisjoint({"ApiapiStage", "ApiGatewayAccount"})
    assert "ApiGatewayAccount" in _needed(resources, "ApiapiStage")


def test_a_changed_parameter_alone_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _deployment(monkeypatch, 1.0, CorsOrigins="") != _deployment(monkeypatch, 2.0, CorsOrigins="*")


def test_each_kind_of_caller_has_limits_of_its_own() -> None:
    resources = translated()["Resources"]
    (stage,) = resources["ApiapiStage"]["Properties"]["MethodSettings"]
    assert (stage["ThrottlingRateLimit"], stage["ThrottlingBurstLimit"]) == _refs("StageRateLimit", "StageBurstLimit")
    for plan, limits in {
        "UsagePlan": ("RateLimit", "BurstLimit"),
        "PublicUsagePlan": ("PublicRateLimit", "PublicBurstLimit"),
    }.items():
        throttle = resources[plan]["Properties"]["Throttle"]
        assert (throttle["RateLimit"], throttle["BurstLimit"]) == _refs(*limits)


def test_ten_clients_that_poll_with_one_key_are_comfortable() -> None:
    defaults = {name: int(value) for name, value in declared("default").items() if value.isdigit()}
    assert defaults["RateLimit"] / 2 >= 10 / POLL_SECONDS
    assert defaults["BurstLimit"] >= 2 * 10


def test_all_that_come_without_a_key_together_get_a_tenth_of_one_keys_rate() -> None:
    defaults = {name: int(value) for name, value in declared("default").items() if value.isdigit()}
    assert defaults["PublicRateLimit"] <= defaults["RateLimit"] / 10


def test_the_months_budget_is_used_up_before_the_months_requests() -> None:
    defaults = {name: int(value) for name, value in declared("default").items() if value.isdigit()}
    images = defaults["MonthlyBudgetUsd"] / 0.04
    assert images * 20 <= defaults["MonthlyQuota"]


def test_long_answers_are_compressed() -> None:
    assert translated()["Resources"]["Api"]["Properties"]["MinimumCompressionSize"] <= 10_000


def test_two_stacks_in_one_account_stay_apart() -> None:
    name = {"Ref": "AWS::StackName"}
    assert source()["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name
    assert source()["Resources"]["ApiFunction"]["Properties"]["Environment"]["Variables"]["STACK_NAME"] == name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_value_of_an_environment_is_allowed(environment: str) -> None:
    assert [name for name, value in declared(environment).items() if not allows(name, value)] == []
    assert refusals(declared(environment)) == []


def test_production_lists_models_that_live_and_serves_no_documentation() -> None:
    values = declared("prod")
    listed = [
        Route.parse(entry).model for name in ("StandardModels", "PremiumModels") for entry in values[name].split(",")
    ]
    assert [model.id for model in listed if model.end_of_life or model.legacy_since] == []
    assert values["Docs"] == "false"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_environment_asks_for_debugging(environment: str) -> None:
    assert declared(environment)["LogLevel"] == "INFO"


TOLD_AS = {
    "ImageBucket": "the bucket and its images",
    "Table": "the table",
    "ApiGatewayLogWriterRole": "`ApiGatewayLogWriterRole`",
    "ApiGatewayAccount": "the account's setting",
}


def test_the_operations_page_says_how_to_remove_whatever_outlives_the_stack() -> None:
    resources = source()["Resources"].items()
    kept = {name for name, resource in resources if resource.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept == TOLD_AS.keys()
    _, _, section = (ROOT / "docs" / "operations.md").read_text().partition("\n## Removing it\n")
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert [name for name, words in TOLD_AS.items() if not any(words in row for row in rows)] == []


def test_model_lists_and_prices_take_every_name_of_the_catalog() -> None:
    for model in MODELS.values():
        for name in (model.id, *model.aliases):
            assert allows(
                "StandardModels", f"core, {name}@arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a"
            )
            assert allows("PremiumModels", name)
            assert allows("ModelPrices", f"{name}=0.05,core=1")


SUCCESSOR = "arn:aws:bedrock:us-west-2::foundation-model/stability.stable-image-core-v2:0"


@pytest.mark.parametrize("family", FAMILIES)
def test_more_models_are_arns_with_a_family_and_the_role_gets_the_arns(family: str) -> None:
    second = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-canvas-v2:0"
    value = f"{SUCCESSOR}={family},{second}=titan"
    assert allows("MoreModels", value)
    [granted] = [arn for arn in resources_of("WorkerRole", "bedrock:InvokeModel") if "Fn::Split" in arn]
    assert resolved(granted, {"MoreModels": value}) == [SUCCESSOR, second]


def resolved(part: Any, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - a part of a template
    match part:
        case {"Fn::Split": [separator, text]}:
            return resolved(text, parameters).split(separator)
        case {"Fn::Join": [separator, texts]}:
            return separator.join(resolved(texts, parameters))
        case {"Ref": name}:
            return parameters[name]
    return part


def test_the_lists_and_prices_take_the_ids_of_more_models() -> None:
    name = SUCCESSOR.rpartition("/")[2]
    assert allows("StandardModels", f"{name},core")
    assert allows("ModelPrices", f"core=0.04,{name}=0.05")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Architecture", "riscv64"),
        ("PythonRuntime", "python3.10"),
        ("PythonRuntime", "nodejs24.x"),
        ("StandardModels", ""),
        ("StandardModels", "dall-e-3"),
        ("StandardModels", "titan,dall-e-3"),
        ("StandardModels", "titan,"),
        ("PremiumModels", "ultra@profile"),
        ("ModelPrices", "core"),
        ("ModelPrices", "core=-0.04"),
        ("ModelPrices", "core=0"),
        ("ModelPrices", "core=0.00"),
        ("ModelPrices", "core=free"),
        ("ModelPrices", "dall-e-3=0.04"),
        ("ModelPrices", "core=0.04,"),
        ("MoreModels", "stability.stable-image-core-v2:0=core"),
        ("MoreModels", f"{SUCCESSOR}"),
        ("MoreModels", f"{SUCCESSOR}=dall-e"),
        ("MoreModels", f"{SUCCESSOR}=core,"),
        ("MoreModels", f"{SUCCESSOR}=core, {SUCCESSOR}=core"),
        ("MoreModels", "arn:aws:bedrock:*::foundation-model/*=core"),
        ("InferenceProfileArns", "my-profile"),
        ("MonthlyBudgetUsd", "-1"),
        ("MonthlyBudgetPerKeyUsd", "-0.01"),
        ("PublicRateLimit", "0"),
        ("CorsOrigins", "https://app.example/page"),
        ("EventBusName", "arn:aws:events:us-west-2:123456789012:event-bus/mine"),
        ("LogLevel", "WARN"),
        ("BedrockEndpointUrl", "localhost:8000"),
    ],
)
def test_a_bad_value_is_refused_at_deployment(name: str, value: str) -> None:
    assert not allows(name, value)


@pytest.mark.parametrize("name", [name for name, each in source()["Parameters"].items() if "AllowedPattern" in each])
def test_a_violated_pattern_says_what_to_write(name: str) -> None:
    assert source()["Parameters"][name]["ConstraintDescription"]


@pytest.mark.parametrize(("name", "value"), [("PythonRuntime", "python3.11"), ("BucketTlsOnly", "false")])
def test_what_only_a_laptop_may_choose_is_refused_on_aws(name: str, value: str) -> None:
    values = declared("default") | {name: value}
    (told,) = refusals(values)
    assert value in told
    assert refusals(values | {"BedrockEndpointUrl": "http://127.0.0.1:1"}) == []


def test_a_signing_key_and_its_certificates_go_together() -> None:
    key, certificates = {"SigningKeyArn": SIGNING_KEY}, {"SigningCertificates": CERTIFICATE}
    assert [refusals(declared("default") | one) for one in (key, certificates)] == [
        ["With SigningKeyArn set SigningCertificates too."],
        ["With SigningCertificates set SigningKeyArn too."],
    ]
    assert refusals(declared("default") | key | certificates) == []
    assert allows("SigningKeyArn", SIGNING_KEY)
    assert allows("SigningCertificates", CERTIFICATE + CERTIFICATE.replace("\n", " "))
    assert not allows("SigningCertificates", CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY"))


@pytest.mark.parametrize("role", ["ApiRole", "WorkerRole"])
def test_who_makes_images_may_sign_with_that_key_only(role: str) -> None:
    (signing,) = [each for each in statements(role) if each["Action"] == "kms:Sign"]
    assert signing["Resource"] == {"Ref": "SigningKeyArn"}
    assert signing["Condition"] == {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256"}}
    (chain,) = resources_of(role, "ssm:GetParameter")
    assert chain["Fn::Sub"].endswith(":parameter/${SigningCertificateChain}")
    others = [name for name in FUNCTION_ROLES if name not in {"ApiRole", "WorkerRole"}]
    assert [name for name in others if resources_of(name, "kms:Sign")] == []


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({}, set()),
        ({"SigningKeyArn": SIGNING_KEY}, {"SigningLayer"}),
        ({"Tracing": "on"}, {"TracingLayer"}),
        ({"SigningKeyArn": SIGNING_KEY, "Tracing": "on"}, {"SigningLayer", "TracingLayer"}),
    ],
)
def test_a_function_has_the_layers_that_its_stack_asks_for(changes: Mapping[str, str], layers: set[str]) -> None:
    resources = deployed(**changes)
    for function in ("ApiFunction", "WorkerFunction"):
        assert layers_of(resources, function) == layers
    for function in ("SweeperFunction", "AuditorFunction"):
        assert layers_of(resources, function) == layers - {"SigningLayer"}
    assert layers_of(resources, "AuthorizerFunction") == set()


@pytest.mark.parametrize(("tracing", "mode"), [("off", "PassThrough"), ("on", "Active")])
def test_traces_are_recorded_where_they_are_switched_on(tracing: str, mode: str) -> None:
    resources = deployed(Tracing=tracing)
    functions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Function"]
    assert {each["TracingConfig"]["Mode"] for each in functions} == {mode}
    assert resources["ApiapiStage"]["Properties"]["TracingEnabled"] == (tracing == "on")
    may_send = {role for role in FUNCTION_ROLES if "xray:PutTraceSegments" in json.dumps(resources[role])}
    assert may_send == (set(FUNCTION_ROLES) if tracing == "on" else set())


def test_the_operators_key_encrypts_all_that_is_kept() -> None:
    resources, key = deployed(KmsKeyArn=KMS_KEY), {"Ref": "KmsKeyArn"}
    groups = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Logs::LogGroup"]
    queues = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::SQS::Queue"]
    assert [group["KmsKeyId"] for group in groups] == [key] * len(groups)
    assert [queue["KmsMasterKeyId"] for queue in queues] == [key] * len(queues)
    assert not any("SqsManagedSseEnabled" in queue for queue in queues)
    (rule,) = resources["ImageBucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert rule["BucketKeyEnabled"]
    assert resources["Table"]["Properties"]["SSESpecification"]["KMSMasterKeyId"] == key


def test_who_reads_or_writes_what_is_kept_may_use_the_key_through_its_service_only() -> None:
    resources = deployed(KmsKeyArn=KMS_KEY)
    for role in FUNCTION_ROLES:
        policies = resources[role]["Properties"]["Policies"]
        allowed = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
        uses = [each for each in allowed if "kms:Decrypt" in each["Action"]]
        assert [each["Resource"] for each in uses] == ([] if role == "AuthorizerRole" else [{"Ref": "KmsKeyArn"}])
        services = [each["Condition"]["StringEquals"]["kms:ViaService"] for each in uses]
        assert all(len(service) == len(["dynamodb", "s3", "sqs"]) for service in services)
    assert "KmsKeyArn" not in json.dumps(deployed())


@pytest.mark.parametrize(("region", "where"), [("", "AWS::Region"), ("us-west-2", "GuardrailRegion")])
def test_who_calls_models_may_apply_the_guardrail_only(region: str, where: str) -> None:
    resources = deployed(GuardrailId="abc", GuardrailVersion="1", GuardrailRegion=region)
    for role in FUNCTION_ROLES:
        policies = resources[role]["Properties"]["Policies"]
        allowed = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
        applied = [each["Resource"] for each in allowed if each["Action"] == "bedrock:ApplyGuardrail"]
        arn = "arn:${AWS::Partition}:bedrock:${Region}:${AWS::AccountId}:guardrail/${GuardrailId}"
        calls_models = role in {"ApiRole", "WorkerRole"}
        assert applied == ([{"Fn::Sub": [arn, {"Region": {"Ref": where}}]}] if calls_models else [])
    assert "ApplyGuardrail" not in json.dumps(deployed())


def test_a_guardrail_and_its_version_go_together() -> None:
    identity, version = {"GuardrailId": "abc"}, {"GuardrailVersion": "1"}
    assert [refusals(declared("default") | one) for one in (identity, version)] == [
        ["With GuardrailId set GuardrailVersion too."],
        ["With GuardrailVersion set GuardrailId too."],
    ]
    assert refusals(declared("default") | identity | version) == []


def deployed(**changes: str) -> dict[str, Any]:
    """The resources with those parameters, as CloudFormation sees them."""
    values = declared("default") | changes
    conditions = Conditions(translated()["Conditions"], values)
    resources: dict[str, Any] = conditions.resolved(translated()["Resources"])
    return resources


def layers_of(resources: Mapping[str, Any], function: str) -> set[str]:
    """The layers by their names in the template, without the digest that SAM adds."""
    return {layer["Ref"][:-10] for layer in resources[function]["Properties"].get("Layers", ())}


def allows(name: str, value: str) -> bool:
    return parameters.allows(name, source()["Parameters"][name], value)


def refusals(values: Mapping[str, str]) -> list[str]:
    """What CloudFormation says of these values by the template's rules."""
    rules = source()["Rules"].values()
    applying = [rule for rule in rules if _holds(rule["RuleCondition"], values)]
    assertions = itertools.chain.from_iterable(rule["Assertions"] for rule in applying)
    return [each["AssertDescription"] for each in assertions if not _holds(each["Assert"], values)]


def _holds(condition: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    ((word, operands),) = condition.items()
    if word == "Fn::Not":
        return not _holds(operands[0], values)
    assert word == "Fn::Equals"
    first, second = (values[each["Ref"]] if isinstance(each, dict) else each for each in operands)
    return bool(first == second)


def _names(depends_on: str | list[str]) -> list[str]:
    return [depends_on] if isinstance(depends_on, str) else depends_on


def _needed(resources: Mapping[str, Any], name: str) -> set[str]:
    """What CloudFormation makes before it: by name or by reference, over any number of steps."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        resource = resources[ahead.pop()]
        mentioned = {*_names(resource.get("DependsOn", [])), *_mentioned(resource)} & resources.keys()
        ahead += mentioned - found
        found |= mentioned
    return found


def _mentioned(part: Any) -> set[str]:  # noqa: ANN401 - any part of a template
    text = json.dumps(part)
    named = re.findall(r'"(?:Ref|Fn::GetAtt)": (?:\["?|")(\w+)', text)
    substituted = re.findall(r"\$\{(\w+)", text)
    return {*named, *substituted}


def _deployment(monkeypatch: pytest.MonkeyPatch, now: float, **values: str) -> list[str]:
    monkeypatch.setattr("time.time", lambda: now)
    resources = template.translated(declared("default") | values)["Resources"]
    return [name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGateway::Deployment"]


def _refs(*names: str) -> tuple[dict[str, str], ...]:
    return tuple({"Ref": name} for name in names)


def test_everything_optional_is_switched_on_for_the_linters() -> None:
    off = {name for name, parameter in source()["Parameters"].items() if parameter["Default"] in {"", 0, "off"}}
    assert off - set(template.EVERYTHING) == {"ModelPrices", "BedrockEndpointUrl"}
    for name, value in template.EVERYTHING.items():
        assert parameters.allows(name, source()["Parameters"][name], value)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_the_boundary_that_an_organisation_demands(role: str) -> None:
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert translated()["Resources"][role]["Properties"]["PermissionsBoundary"] == boundary


@pytest.mark.parametrize(("name", "condition"), [("Domain", "HasDomain"), ("WebAclAssociation", "HasWebAcl")])
def test_what_is_optional_is_off(name: str, condition: str) -> None:
    assert translated()["Resources"][name]["Condition"] == condition
    assert translated()["Conditions"][condition]["Fn::Not"][0]["Fn::Equals"][1] == ""
