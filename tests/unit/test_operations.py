"""The commands in docs/operations.md are safe and right: they need the AWS CLI alone, and exist with their options."""

import ast
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from api.problems import STATUS_BY_CODE
from checks.template import PROJECT, declared
from tests.unit.template import translated

PAGE = (PROJECT / "docs" / "operations.md").read_text()
PAGES = "".join(page.read_text() for page in (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))))
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CLOUDFORMATION = botocore.session.get_session().get_service_model("cloudformation")
OF_THE_CLI_ITSELF = {"cli-binary-format", "output", "query", "region"}
CUSTOM = {("logs", "tail"), ("s3", "rb"), ("cloudformation", "deploy"), ("cloudformation", "wait")}
"""Commands of the AWS CLI that are no operation of a service."""


@pytest.mark.parametrize("tool", ["sam", "make", "git", "jq", "python", "python3"])
def test_the_page_needs_nothing_but_the_aws_cli(tool: str) -> None:
    assert [block for block in BLOCKS if re.search(rf"(^|[|&;(]\s*){tool} ", block, re.MULTILINE)] == []


def commands() -> Iterator[tuple[str, str, set[str]]]:
    for text in PAGES.replace("\\\n", " ").splitlines():
        for service, operation, rest in re.findall(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)([^;|&`]*)", text):
            yield service, operation, set(re.findall(r"--([a-z-]+)", rest))


@pytest.mark.parametrize(("service", "operation", "options"), list(commands()))
def test_each_command_of_the_aws_cli_exists_with_its_options(service: str, operation: str, options: set[str]) -> None:
    if (service, operation) in CUSTOM:
        return
    model = botocore.session.get_session().get_service_model(service)
    (found,) = (model.operation_model(name) for name in model.operation_names if _spelled(name) == operation)
    members = found.input_shape.members if found.input_shape else {}
    assert {option.removeprefix("no-") for option in options} - OF_THE_CLI_ITSELF <= {
        _spelled(name) for name in members
    }


def calls(*names: str) -> Iterator[ast.Call]:
    """Each call of these functions or methods in the functions' code."""
    for path in (PROJECT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", None)) in names:
                yield node


def texts(node: ast.AST) -> list[str]:
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def documented(section: str) -> set[str]:
    """The names in the first column of the table below this heading."""
    _, _, below = PAGE.partition(f"| {section} |")
    table = re.match(r".*\n(?:\|.*\n)*", below)
    assert table
    return set(re.findall(r"^\| `([^`]+)` \|", table[0], re.MULTILINE))


def test_every_metric_is_documented_and_no_other() -> None:
    named = [keyword.value for call in calls("add_metric") for keyword in call.keywords if keyword.arg == "name"]
    assert documented("metric") == {text for name in named for text in texts(name)}


def test_every_log_line_is_documented_and_no_other() -> None:
    logged = calls("debug", "info", "warning", "error", "exception", "log")
    lines = {text for call in logged if call.args for text in texts(call.args[0])}
    assert documented("log line") == lines


ALARMS = {
    name: resource["Properties"]
    for name, resource in translated()["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_has_its_entry(name: str) -> None:
    heading = name.removesuffix("Alarm")
    assert f"\n### {heading}\n" in PAGE
    assert ALARMS[name]["AlarmDescription"].endswith(f'See docs/operations.md, "{heading}".')
    assert ALARMS[name]["AlarmName"] == {"Fn::Sub": f"${{AWS::StackName}}-{heading}"}
    assert f"\n| [{heading}](#{heading.lower()}) | " in PAGE, "the table of all alarms names it"


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_tells_the_operator_when_it_goes_off_and_when_it_is_over(name: str) -> None:
    told = {"Fn::If": ["HasAlarmEmail", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
    assert (ALARMS[name]["AlarmActions"], ALARMS[name]["OKActions"]) == (told, told)


def test_alarms_and_dashboard_name_only_metrics_that_the_functions_publish() -> None:
    dashboard = translated()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = {metric[1] for widget in json.loads(dashboard)["widgets"] for metric in _metrics(widget)}
    watched = {alarm["MetricName"] for alarm in ALARMS.values() if alarm["Namespace"] == "TextToImageApi"}
    assert watched | shown <= documented("metric")


def _metrics(widget: dict[str, Any]) -> Iterator[list[Any]]:
    yield from (metric for metric in widget["properties"].get("metrics", []) if metric[0] == "TextToImageApi")


def test_every_warning_is_documented() -> None:
    page = (PROJECT / "docs" / "api.md").read_text()
    given = [each.value for call in calls("GenerationWarning") for each in call.keywords if each.arg == "code"]
    codes = {text for value in given for text in texts(value)}
    assert codes
    assert [code for code in sorted(codes) if f"`{code}" not in page] == []


def test_every_error_has_its_remedy() -> None:
    page = (PROJECT / "docs" / "errors.md").read_text().partition("## What to do")[2]
    assert [code for code in STATUS_BY_CODE if f"| `{code}` |" not in page] == []


@pytest.fixture
def change(tmp_path: Path) -> "Change":
    return Change(tmp_path)


class Change:
    """The page's `change`, in a shell whose `aws` answers for CloudFormation and notes what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.noted = folder / "noted"
        aws = folder / "aws"
        aws.write_text(
            f"#!/bin/sh\n"
            f'case $2 in describe-stacks) echo "{" ".join(declared("default"))}";;\n'
            f'*) for word in "$@"; do echo "$word"; done >> {self.noted};; esac\n'
        )
        aws.chmod(0o755)

    def __call__(self, *pairs: str, rollback: str = "") -> subprocess.CompletedProcess[str]:
        script = "\n".join(BLOCKS[:2]) + f"\n{rollback}\nchange {shlex.join(pairs)}"
        return subprocess.run(  # noqa: S603 - our own page
            ["bash", "-u", "-c", script],  # noqa: S607
            env={"PATH": os.pathsep.join([str(self.folder), os.environ["PATH"]])},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def sent(self) -> list[str]:
        return self.noted.read_text().splitlines() if self.noted.exists() else []


def test_changing_a_parameter_keeps_the_code_and_every_other_parameter(change: Change) -> None:
    assert change("StandardModels=core,ultra", "MonthlyBudgetUsd=200").returncode == 0
    words = change.sent
    parameters = json.loads(words[words.index("--parameters") + 1])
    request = {"StackName": "text-to-image-api", "UsePreviousTemplate": True, "Parameters": parameters}
    shape = CLOUDFORMATION.operation_model("UpdateStack").input_shape
    assert shape
    assert not ParamValidator().validate(request, shape).has_errors()
    assert words[:5] == [
        "cloudformation",
        "update-stack",
        "--stack-name",
        "text-to-image-api",
        "--use-previous-template",
    ]
    changed = {each["ParameterKey"]: each["ParameterValue"] for each in parameters if "ParameterValue" in each}
    assert changed == {"StandardModels": "core,ultra", "MonthlyBudgetUsd": "200"}
    kept = {each["ParameterKey"] for each in parameters if each.get("UsePreviousValue")}
    assert kept | set(changed) == set(declared("default"))
    assert words[words.index("wait") :][:2] == ["wait", "stack-update-complete"]
    assert "create-deployment" in words[words.index("wait") :]


ROLLBACKS = re.findall(r"^(ROLLBACK=.*?)^change", PAGE, re.MULTILINE | re.DOTALL)
ALARM = {"Arn": "arn:aws:cloudwatch:us-west-2:123456789012:alarm:a", "Type": "AWS::CloudWatch::Alarm"}


@pytest.mark.parametrize(("text", "triggers"), list(zip(ROLLBACKS, ([ALARM], []), strict=True)), ids=["on", "off"])
def test_an_update_is_rolled_back_by_the_alarms_that_are_named(
    change: Change, text: str, triggers: list[dict[str, str]]
) -> None:
    found = f"aws() {{ if [ $2 = describe-alarms ]; then echo '{json.dumps([ALARM])}'; else command aws \"$@\"; fi; }}"
    assert change("LinkMinutes=30", rollback=f"{found}\n{text}").returncode == 0
    configuration = json.loads(change.sent[change.sent.index("--rollback-configuration") + 1])
    assert configuration["RollbackTriggers"] == triggers
    shape = CLOUDFORMATION.shape_for("RollbackConfiguration")
    assert not ParamValidator().validate(configuration, shape).has_errors()


def test_the_alarms_that_roll_back_exist_and_are_not_too_many() -> None:
    named = re.findall(r'"\$STACK-(\w+)"', ROLLBACKS[0])
    assert {f"{name}Alarm" for name in named} <= ALARMS.keys()
    limit = CLOUDFORMATION.shape_for("RollbackTriggers").metadata["max"]
    assert 0 < len(named) <= limit


def test_without_a_wish_the_stacks_own_rollback_stays(change: Change) -> None:
    assert change("LinkMinutes=30").returncode == 0
    assert "--rollback-configuration" not in change.sent


@pytest.mark.parametrize("pair", ["MonthlyBudget=200", "Architecture=arm64", "PythonRuntime=python3.14", "200"])
def test_what_cannot_be_changed_so_is_refused_before_anything_is_sent(change: Change, pair: str) -> None:
    ended = change(pair)
    assert ended.returncode
    assert ended.stderr
    assert change.sent == []


def _spelled(name: str) -> str:
    return xform_name(name, "-")
