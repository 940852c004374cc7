"""The parts of docs/ that are generated: openapi.json, and the tables between markers; and the schemas of agents.

`python -m checks.documents` (`make docs`) writes them, from the code, the template and the OpenAPI document.
With `--check` it writes nothing, shows what differs and fails.
"""

import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import botocore.session
from pydantic import Field, TypeAdapter

from checks.permissions import of_the_template, proven
from checks.template import PROJECT, source

os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "text-to-image-api")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "TextToImageApi")

from api import openapi, problems
from api.app import app
from api.tools import TOOLS
from aws.bedrock import BedrockError
from aws.events import SOURCE
from bench.goals import GOALS
from checks import agents
from imaging import announcing, errors
from imaging.models import catalog, refusals
from imaging.models.catalog import Model, Price
from imaging.money import usd
from settings import Settings
from tests.faults import outcomes

MUTATION = PROJECT / "tests" / "mutation" / "scores.json"
FUZZ = PROJECT / "tests" / "fuzz" / "figures.json"
OPENAPI = PROJECT / "docs" / "openapi.json"
EVENTS = PROJECT / "examples" / "events" / "schema.json"
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LEAF = re.compile(r"^[│ ]*[├└]── (\w+) +(.+)$", re.MULTILINE)

Row = Sequence[str]


def table(head: Row, rows: Iterator[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def parameters() -> str:
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    sections = (_parameter_group(group["Label"]["default"], group["Parameters"]) for group in groups)
    return "\n".join(sections)


def _parameter_group(label: str, names: Sequence[str]) -> str:
    rows = (_parameter_row(name, source()["Parameters"][name]) for name in names)
    return f"**{label}**\n\n{table(['parameter', 'default', 'values', 'meaning'], rows)}"


def _parameter_row(name: str, declaration: Mapping[str, Any]) -> Row:
    meaning = str(declaration["Description"]).strip()
    if "AllowedPattern" in declaration:
        meaning = f"{meaning} {declaration['ConstraintDescription'].strip()}"
    return [f"`{name}`", _code(declaration["Default"]), _values(declaration), meaning]


def _code(value: object) -> str:
    return f"`{value}`" if value != "" else "empty"


def _values(declaration: Mapping[str, Any]) -> str:
    if "AllowedValues" in declaration:
        return ", ".join(f"`{value}`" for value in declaration["AllowedValues"])
    if "MaxValue" in declaration:
        return f"{declaration['MinValue']} to {declaration['MaxValue']}"
    return f"{declaration['MinValue']} or more" if "MinValue" in declaration else "text"


def variables() -> str:
    """The functions' environment variables, each with the parameter that it passes on or what else it holds."""
    given = source()["Resources"]["ApiFunction"]["Properties"]["Environment"]["Variables"]
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    parameter_of = {name: _referenced(value, source()["Parameters"]) for name, value in given.items()}
    rows = (
        [f"`{name}`", f"the parameter `{parameter}`" if parameter else fields[name].description or ""]
        for name, parameter in parameter_of.items()
        if name in fields or parameter
    )
    return table(["variable", "value"], rows)


def _referenced(value: Any, parameters: Mapping[str, Any]) -> str | None:  # noqa: ANN401 - any value of a template
    return next((name for name in parameters if f'"Ref": "{name}"' in json.dumps(value)), None)


def outputs() -> str:
    rows = ([f"`{name}`", str(output["Description"]).strip()] for name, output in source()["Outputs"].items())
    return table(["output", "meaning"], rows)


def error_codes() -> str:
    rows = sorted(_error_rows(), key=lambda row: (row[0], row[1]))
    return table(["status", "code", "class", "meaning", "Amazon Bedrock's exceptions", "who acts"], iter(rows))


def _error_rows() -> Iterator[Row]:
    causes = _causes()
    for kind, meaning in _leaves():
        status = problems.STATUS_BY_CODE[kind.code]
        exceptions = ", ".join(f"`{name}`" for name in causes.get(kind, []))
        yield [str(int(status)), f"`{kind.code}`", f"`{kind.__name__}`", meaning, exceptions, _whose_turn(kind)]


def _leaves() -> Iterator[tuple[type[errors.ImagingError], str]]:
    for name, meaning in LEAF.findall(errors.__doc__ or ""):
        kind = getattr(errors, name)
        if hasattr(kind, "code"):
            yield kind, meaning


def _whose_turn(kind: type[errors.ImagingError]) -> str:
    turns = {
        errors.CallerMustChange: "caller: change the request",
        errors.MayPass: "caller: retry later",
        errors.OperatorMustAct: "operator",
    }
    return next(turn for base, turn in turns.items() if issubclass(kind, base))


def _causes() -> Mapping[type[errors.ImagingError], Sequence[str]]:
    """Which of InvokeModel's documented exceptions end in which error."""
    service = botocore.session.get_session().get_service_model("bedrock-runtime")
    names = sorted(shape.name for shape in service.operation_model("InvokeModel").error_shapes)
    model = next(iter(catalog.MODELS.values()))
    explained = [(name, type(refusals.explain(BedrockError(name, ""), model))) for name in names]
    return {kind: [name for name, other in explained if other is kind] for _, kind in explained}


def models() -> str:
    rows = (_model_row(model) for model in catalog.MODELS.values())
    return table(["model", "aliases", "regions", "US dollars per image", "end of life"], rows)


def _model_row(model: Model) -> Row:
    aliases = ", ".join(f"`{alias}`" for alias in model.aliases)
    prices = "; ".join(_price(price) for price in model.prices)
    ended = model.end_of_life.isoformat() if model.end_of_life else "none published"
    return [f"[`{model.id}`]({model.source})", aliases, ", ".join(model.regions), prices, ended]


def _price(price: Price) -> str:
    limits = [price.quality, f"up to {price.up_to_pixels:,} pixels" if price.up_to_pixels else None]
    conditions = ", ".join(limit for limit in limits if limit)
    dollars = f"{usd(price.usd_micros):g}"
    return f"{dollars} ({conditions})" if conditions else dollars


def routes() -> str:
    rows = (
        [f"`{method.upper()} {path}`", operation["summary"], _key(operation)]
        for path, operations in openapi.document(app)["paths"].items()
        for method, operation in operations.items()
    )
    return table(["route", "what it does", "API key"], rows)


def _key(operation: Mapping[str, Any]) -> str:
    return "optional" if {} in operation.get("security", []) else "required"


def request_fields() -> str:
    document = openapi.document(app)
    body = document["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    rows = (
        [f"`{name}`", field["description"], "required" if name in schema["required"] else _default(field)]
        for name, field in schema["properties"].items()
    )
    return table(["field", "meaning", "default"], rows)


def _default(field: Mapping[str, Any]) -> str:
    return f"`{json.dumps(field['default'])}`" if "default" in field else "none"


def permissions() -> str:
    """Each permission with what its removal showed."""
    rows, shown = of_the_template(), proven()
    needed = sum(row.key in shown for row in rows)
    head = ["function", "permission", "scenario", "with it", "without it"]
    lines = ([row.function, f"`{row.action}` on `{row.resource}`", *_shown(shown.get(row.key))] for row in rows)
    return f"{len(rows)} permissions are granted; {needed} are proven to be needed.\n\n{table(head, lines)}"


def _shown(row: Mapping[str, str] | None) -> Row:
    return [row["scenario"], row["granted"], row["taken"]] if row else [NOT_PROVEN, "", ""]


_STACK = "The name of the API's stack, so that two in one account stay apart."

NOT_PROVEN = "**not proven: run `make prove-permissions`**"


MUTANTS = {
    "killed": "a test failed",
    "timed out": "ran out of time",
    "survived": "not noticed",
    "untested": "no test calls it",
}


def mutation() -> str:
    scores: Mapping[str, Mapping[str, Any]] = json.loads(MUTATION.read_text())
    head = ["module", "mutants", "tried", *MUTANTS.values(), "noticed", "date, commit"]
    total = {name: sum(score.get(name, 0) for score in scores.values()) for name in ("mutants", *MUTANTS)}
    rows = [
        _mutation_row(f"`{module}`", score, f"{score['date']}, {score['commit']}") for module, score in scores.items()
    ]
    return table(head, iter([*rows, _mutation_row("all", total, "")]))


def _mutation_row(module: str, score: Mapping[str, Any], when: str) -> Row:
    counts = [score.get(name, 0) for name in MUTANTS]
    noticed = 100 * sum(counts[:2]) // max(sum(counts), 1)
    return [module, *map(str, (score["mutants"], sum(counts), *counts)), f"{noticed} %", when]


def fuzz() -> str:
    figures: Mapping[str, Mapping[str, Any]] = json.loads(FUZZ.read_text())
    rows = ([name, f"{found['cases']:,}", str(found["failures"]), found["date"]] for name, found in figures.items())
    return table(["what was tried", "cases", "failures", "date"], rows)


def faults(*, is_job: bool) -> str:
    head, rows = outcomes.alone(is_job=is_job)
    return table(head, iter(rows))


def faults_together() -> str:
    head, rows = outcomes.together()
    return table(head, iter(rows))


def tools() -> str:
    rows = ([f"`{tool.name}`", tool.description] for tool in TOOLS.values())
    return table(["tool", "what it does"], rows)


def goals() -> str:
    """What the benchmarks promise."""
    rows = (
        [f"`{name}`", goal.subject, goal.baseline, f"{goal.limit:g}", f"{goal.target:g}"]
        for name, goal in GOALS.items()
    )
    return table(["row", "measured", "against", "limit of the ratio", "target"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "errors": error_codes,
    "faults-job": partial(faults, is_job=True),
    "faults-synchronous": partial(faults, is_job=False),
    "faults-together": faults_together,
    "fuzz": fuzz,
    "goals": goals,
    "models": models,
    "mutation": mutation,
    "outputs": outputs,
    "parameters": parameters,
    "permissions": permissions,
    "request": request_fields,
    "routes": routes,
    "tools": tools,
    "variables": variables,
}


class CompletedOfStack(announcing.Completed):
    """At least one image was stored."""

    stack: Annotated[str, Field(description=_STACK)]


class FailedOfStack(announcing.Failed):
    """There is no image."""

    stack: Annotated[str, Field(description=_STACK)]


def events() -> str:
    """The JSON Schema of the events, as far as EventBridge's envelope is ours."""
    details = {announcing.COMPLETED: CompletedOfStack, announcing.FAILED: FailedOfStack}
    adapters: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(detail) for name, detail in details.items()}
    schemas, definitions = TypeAdapter.json_schemas((name, "validation", each) for name, each in adapters.items())
    kinds = [_event(name, schemas[name, "validation"]) for name in details]
    title = "Events of the text-to-image API"
    return json.dumps({"$schema": _DRAFT, "title": title, "oneOf": kinds, **definitions}, indent=2) + "\n"


_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _event(detail_type: str, detail: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = {"source": {"const": SOURCE}, "detail-type": {"const": detail_type}, "detail": detail}
    return {"type": "object", "properties": properties, "required": list(properties)}


def filled(page: str) -> str:
    """The page with every generated table as it should be. Raises KeyError for a marker that names no table."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{TABLES[block['name']]()}\n{block[3]}", page)


def generated() -> Iterator[tuple[Path, str]]:
    yield EVENTS, events()
    yield OPENAPI, json.dumps(openapi.document(app), indent=2, ensure_ascii=False) + "\n"
    yield from agents.generated()
    for page in PAGES:
        yield page, filled(page.read_text())


def differences() -> str:
    return "".join(_difference(path, content) for path, content in generated())


def _difference(path: Path, content: str) -> str:
    name = str(path.relative_to(PROJECT))
    before, after = path.read_text().splitlines(keepends=True), content.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, name, f"{name} after `make docs`"))


def main(arguments: Sequence[str]) -> None:
    if "--check" not in arguments:
        for path, content in generated():
            path.write_text(content)
    elif found := differences():
        sys.exit(f"{found}\nThese files are out of date: run `make docs`.")
    elif NOT_PROVEN in permissions():
        sys.exit("docs/security.md has permissions that are not proven: run `make prove-permissions PROVE=missing`.")


if __name__ == "__main__":
    main(sys.argv[1:])
