"""The mutants that mutmut makes of the product's code: where each changes it, and which are left out."""

import ast
import difflib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import mangled_name_from_mutant_name

SENTENCE = re.compile(r"[\w',.:;()/{} -]+")
"""What a sentence is made of; an expression of DynamoDB has other characters too."""

EQUIVALENT = frozenset({"secrets.token_hex"})
"""Calls whose arguments a test cannot notice: a token of another length is as good."""


@dataclass(frozen=True)
class Mutant:
    """`lines` are those of the changed statement, in the original function in the mutated file. `source` is a hash of
    that function."""

    name: str
    source: str
    file: Path
    lines: range

    @property
    def module(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def function(self) -> str:
        return mangled_name_from_mutant_name(self.name)


def make(product: Path, mutated: Path, modules: Iterable[Path]) -> list[Mutant]:
    """Copies the product with all mutants of the modules in it, and returns those that tests should notice."""
    shutil.rmtree(mutated, ignore_errors=True)
    shutil.copytree(product, mutated, ignore=shutil.ignore_patterns("__pycache__"))
    return [mutant for path in modules for mutant in _mutants(path, mutated, path.relative_to(product))]


def difference(mutant: Mutant) -> str:
    """The lines of the product that the mutant changes."""
    functions = _functions(mutant.file)
    name = mutant.name.rpartition(".")[2]
    original, changed = (ast.unparse(functions[each]).splitlines(keepends=True)[1:] for each in (_original(name), name))
    return "".join(difflib.unified_diff(original, changed, n=1))


def _mutants(path: Path, mutated: Path, relative: Path) -> Iterator[Mutant]:
    made = mutate_file_contents(str(relative), path.read_text())
    file = mutated / relative
    file.write_text(made.code)
    module, functions = ".".join(relative.with_suffix("").parts), _functions(file)
    for name in made.mutant_names:
        changed = _change(functions[_original(name)], functions[name])
        if not _is_wording(changed) and not _is_equivalent(changed):
            source = made.hash_by_function_name[mangled_name_from_mutant_name(name)]
            yield Mutant(f"{module}.{name}", source, file, _lines(changed))


def _original(name: str) -> str:
    return f"{mangled_name_from_mutant_name(name)}__mutmut_orig"


@cache
def _functions(file: Path) -> dict[str, ast.AST]:
    return {
        node.name: node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }


def _change(original: ast.AST, mutant: ast.AST) -> list[ast.AST]:
    """The nodes of the original from the function to the one that the mutant changes; empty if nothing is changed."""
    if type(original) is not type(mutant):
        return [original]
    for name, value in ast.iter_fields(original):
        if isinstance(original, ast.FunctionDef) and name == "name":
            continue
        if (found := _changed_field(original, value, getattr(mutant, name))) is not None:
            return [original, *found]
    return []


def _changed_field(original: ast.AST, value: object, changed: object) -> list[ast.AST] | None:
    if isinstance(value, list) and isinstance(changed, list) and len(value) == len(changed):
        pairs = zip(value, changed, strict=True)
        return next((found for pair in pairs if (found := _changed_field(original, *pair)) is not None), None)
    if isinstance(value, ast.AST) and isinstance(changed, ast.AST):
        return _change(value, changed) or None
    return None if repr(value) == repr(changed) else []


def _is_wording(changed: Sequence[ast.AST]) -> bool:
    """Whether a sentence is changed, or the message of a log line: a test that noticed would repeat the text."""
    last = changed[-1]
    calls = [node for node in changed if isinstance(node, ast.Call)]
    is_message = bool(calls) and _is_log(calls[-1]) and calls[-1].args[:1] == [last]
    return is_message or (_is_sentence(last) and not any(isinstance(node, ast.Compare) for node in changed))


def _is_equivalent(changed: Sequence[ast.AST]) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in EQUIVALENT for node in changed[-2:])


def _is_log(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "logger"


def _is_sentence(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return len(node.value.split()) > 3 and bool(SENTENCE.fullmatch(node.value))


def _lines(changed: Sequence[ast.AST]) -> range:
    """The lines of the innermost statement that is changed; of a compound one only its head, if that is changed."""
    statement = next(node for node in reversed(changed) if isinstance(node, ast.stmt | ast.excepthandler))
    body = getattr(statement, "body", [])
    is_head = bool(body) and (changed[-1] is not statement or isinstance(statement, ast.FunctionDef))
    last = body[0].lineno - 1 if is_head else statement.end_lineno
    return range(statement.lineno, max(last or 0, statement.lineno) + 1)
