"""The page on security names tests that exist."""

import ast
import re

import pytest

from checks.template import PROJECT

NAMED = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", (PROJECT / "docs" / "security.md").read_text())))


def test_it_names_tests() -> None:
    assert len(NAMED) >= 30


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_each_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((PROJECT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
