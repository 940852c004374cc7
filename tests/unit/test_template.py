"""The template keeps its promises: least privilege, private images, logs that end, parameters that are documented."""

import json
import re
from pathlib import Path

import pytest

from imaging.models.catalog import MODELS
from imaging.routing import Route
from settings import Settings
from tests.unit.template import TEMPLATE, resources_of, source, statements, translated

ROOT = TEMPLATE.parent
ROLES = [name for name, resource in translated()["Resources"].items() if resource["Type"] == "AWS::IAM::Role"]
FUNCTION_ROLES = [role for role in ROLES if role != "ApiGatewayLogWriterRole"]


def test_the_role_names_exactly_the_catalogs_models_where_they_live() -> None:
    named = {next(iter(arn.values())) for arn in resources_of("ApiRole", "bedrock:InvokeModel")}
    assert named - {"InferenceProfileArns"} == {
        f"arn:${{AWS::Partition}}:bedrock:{region}::foundation-model/{model.id}"
        for model in MODELS.values()
        for region in model.regions
    }


def test_the_role_may_do_what_the_documents_name() -> None:
    assert resources_of("ApiRole", "bedrock:GetModelInvocationLoggingConfiguration") == ["*"]


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_nothing_else_is_allowed_on_everything(role: str) -> None:
    wide = [statement["Action"] for statement in statements(role) if statement["Resource"] == "*"]
    assert set(wide) <= {"bedrock:GetModelInvocationLoggingConfiguration"}
    assert not any("*" in str(statement["Action"]) for statement in statements(role))


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:GetObject"])
def test_images_are_reached_below_their_prefix_only(action: str) -> None:
    assert resources_of("ApiRole", action) == [{"Fn::Sub": "${ImageBucket.Arn}/generated_images/*"}]


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
    with pytest.raises(ValueError, match="BUCKET_NAME") as missing:
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


def test_asynchronous_invocations_are_not_repeated_by_lambda() -> None:
    assert source()["Resources"]["ApiFunction"]["Properties"]["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}


def test_the_runtime_is_one_that_the_project_promises() -> None:
    runtime = source()["Parameters"]["PythonRuntime"]["Default"].removeprefix("python")
    lowest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert lowest
    assert tuple(map(int, runtime.split("."))) >= tuple(map(int, lowest[1].split(".")))


GATEWAY_RESPONSES = source()["Resources"]["Api"]["Properties"]["GatewayResponses"]


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_each_gateway_response_is_a_problem_and_an_openai_error_in_one(name: str) -> None:
    response = GATEWAY_RESPONSES[name]
    headers, text = response["ResponseParameters"]["Headers"], response["ResponseTemplates"]["application/json"]
    # Only messageString brings its own quotation marks; the other variables stand inside ours.
    body = json.loads(text.replace("$context.error.messageString", '"a message"'))
    assert {"type", "title", "code", "detail", "instance", "request_id", "error"} <= set(body)
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["x-request-id"] == "context.requestId"
    assert body.get("status") == response.get("StatusCode")
    assert ("Retry-After" in headers) == (response.get("StatusCode") in {429, 504})
    any_page_if_any = {"Fn::If": ["HasCorsOrigins", "'*'", {"Ref": "AWS::NoValue"}]}
    assert headers["Access-Control-Allow-Origin"] == headers["Access-Control-Expose-Headers"] == any_page_if_any


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


def test_every_parameter_and_variable_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    variables = source()["Resources"]["ApiFunction"]["Properties"]["Environment"]["Variables"]
    env_example = re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    missing = [name for name in (*source()["Parameters"], *variables, *env_example) if f"`{name}`" not in readme]
    assert missing == []


def test_the_readmes_defaults_are_the_templates() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, parameter in source()["Parameters"].items():
        row = re.search(rf"^\| `{name}` \| (.*?) \|", readme, re.MULTILINE)
        assert row, name
        assert row[1] == (f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"), name


def test_every_event_file_is_used_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for path in Path(ROOT / "events").glob("*.json"):
        assert f'event("{path.stem}")' in tests or path.name in tests, path.name
