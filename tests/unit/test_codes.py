"""Error codes are a promise: each declared once, each raised and asserted by some test."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = {"EnvironmentalError", "FormatError", "UsageError", "VerificationError"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One `NAME = Code("code", Family, ...)` in the source, or a `Code(...)` somewhere else."""

    place: str
    code: str
    family: str
    constant: str | None
    exported: bool


def _strings(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Code"


def _exported(module: ast.Module) -> set[str]:
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            return set(_strings(node))
    return set()


def _declarations(path: Path) -> Iterator[Declaration]:
    module = ast.parse(path.read_bytes())
    exported = _exported(module)
    constants = {
        node.value: node.targets[0].id
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in filter(_is_code, ast.walk(module)):
        assert isinstance(node, ast.Call)
        name, family = node.args
        constant = constants.get(node)
        yield Declaration(
            place=f"{path.relative_to(ROOT)}:{node.lineno}",
            code=ast.literal_eval(name),
            family=ast.unparse(family),
            constant=constant,
            exported=constant in exported,
        )


DECLARED = [
    declaration
    for path in sorted(ROOT.glob("*/miniseal/**/*.py"))
    for declaration in _declarations(path)
]


@pytest.fixture(scope="module")
def literals() -> set[str]:
    """Every string that a test writes out, in this file none."""
    tests = set((ROOT / "tests").rglob("test_*.py")) - {Path(__file__)}
    return {text for path in tests for text in _strings(ast.parse(path.read_bytes()))}


def test_the_walk_finds_the_codes() -> None:
    assert len(DECLARED) > 50
    assert "digest-mismatch" in {declaration.code for declaration in DECLARED}


def test_a_code_is_declared_once() -> None:
    counts = Counter(declaration.code for declaration in DECLARED)

    assert [
        (declaration.code, declaration.place)
        for declaration in DECLARED
        if counts[declaration.code] > 1
    ] == []


@pytest.mark.parametrize("declaration", DECLARED, ids=lambda declaration: declaration.code)
def test_a_code_is_a_lower_case_name_of_one_family_in_an_exported_constant(
    declaration: Declaration,
) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", declaration.code)
    assert declaration.family in FAMILIES
    assert declaration.constant is not None, f"{declaration.place} is not a module's constant"
    assert declaration.constant.isupper()
    assert declaration.exported, f"{declaration.place} is not in __all__"


def test_every_code_is_asserted_by_some_test(literals: set[str]) -> None:
    missing = [
        f"{declaration.code}  ({declaration.place})"
        for declaration in DECLARED
        if declaration.code not in literals
    ]

    assert missing == [], "no test names:\n  " + "\n  ".join(missing)
