"""docs/security.md shows exactly the template's permissions, each with the scenario that needs it."""

from checks.permissions import Permission, of_the_template, proven
from tests.permissions.scenarios import scenario_of


def test_the_proof_has_each_permission_of_the_template_with_its_scenario() -> None:
    shown = {key: row["scenario"] for key, row in proven().items()}
    assert shown == {each.key: scenario_of(each).name for each in of_the_template()}


def test_without_its_permission_no_scenario_ends_the_same() -> None:
    assert [row for row in proven().values() if row["taken"] == row["granted"]] == []


def test_optional_permissions_are_among_them() -> None:
    assert "InferenceProfileArns" in {each.resource for each in of_the_template()}


def test_a_permission_is_named_as_in_the_template() -> None:
    assert str(_first("ApiFunction", "s3:DeleteObject")) == "ApiFunction s3:DeleteObject ImageBucket/generated_images/*"


def _first(function: str, action: str) -> Permission:
    return next(each for each in of_the_template() if (each.function, each.action) == (function, action))
