"""The shape of the house, where import-linter cannot see it: parts, laziness, extras, namespaces.

The four floors themselves are import-linter's contract in pyproject.toml.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PARTS = sorted(folder.parent.name for folder in ROOT.glob("*/miniseal"))
EXTRAS = {
    "attestations": {"keyless", "pkcs11", "vault"},
    "cli": {"cli", "pipeline"},
    "formats": set[str](),
    "packager": set[str](),
    "pipeline": {"keyless", "pipeline"},
    "registry": {"registry"},
    "verifier": {"keyless", "layout"},
}
"""The extras whose packages a part may import, beside the base dependencies."""
RUN_ELSEWHERE = {"pipeline/miniseal/pipeline/steps/wasm_calls.py"}
"""Programs that the pipeline puts into a sandbox together with what they import."""


def _modules(part: str) -> list[Path]:
    return sorted(
        path
        for path in (ROOT / part).rglob("*.py")
        if str(path.relative_to(ROOT)) not in RUN_ELSEWHERE
    )


def _imported(node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.module is not None, "a relative import"
        yield node.module


def _third_party(path: Path, *, top_level: bool) -> set[str]:
    """Top-level names of other people's packages that a module imports.

    Args:
        path: the module.
        top_level: leave out what is imported inside functions.
    """
    module = ast.parse(path.read_bytes())
    nodes = module.body if top_level else ast.walk(module)
    names = {name.partition(".")[0] for node in nodes for name in _imported(node)}
    return names - sys.stdlib_module_names - {"miniseal"}


def _name(requirement: str) -> str:
    return requirement.partition(">")[0].partition("=")[0].partition("[")[0]


def _declared(part: str) -> set[str]:
    project = PYPROJECT["project"]
    lists = [project["dependencies"]]
    lists += [project["optional-dependencies"][extra] for extra in EXTRAS[part]]
    return {_name(requirement) for requirements in lists for requirement in requirements}


def test_there_are_seven_parts() -> None:
    assert sorted(EXTRAS) == PARTS


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(PYPROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"], id="dev-mode-dirs"),
        pytest.param(
            [
                name.removesuffix("/miniseal")
                for name in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
            ],
            id="wheel",
        ),
        pytest.param(
            [
                name.removeprefix("miniseal.")
                for name in PYPROJECT["tool"]["importlinter"]["root_packages"]
            ],
            id="import-linter",
        ),
        pytest.param(PYPROJECT["tool"]["mypy"]["files"], id="mypy"),
        pytest.param(PYPROJECT["tool"]["mypy"]["mypy_path"].split(":"), id="mypy-path"),
        pytest.param(PYPROJECT["tool"]["pyright"]["include"], id="pyright"),
    ],
)
def test_a_tool_is_told_of_every_part(listed: list[str]) -> None:
    assert sorted(listed) == PARTS


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_one_typed_package_in_the_namespace(part: str) -> None:
    namespace = ROOT / part / "miniseal"

    assert [path.name for path in namespace.iterdir() if path.name != "__pycache__"] == [part]
    assert (namespace / part / "py.typed").is_file()


@pytest.mark.parametrize("part", PARTS)
def test_every_folder_of_modules_in_a_part_is_a_package(part: str) -> None:
    folders = {path.parent for path in (ROOT / part / "miniseal" / part).rglob("*.py")}

    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("part", PARTS)
def test_a_part_says_what_it_is_for(part: str) -> None:
    assert (ROOT / part / "README.md").is_file()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_what_its_extras_bring(part: str) -> None:
    homes = packages_distributions()
    declared = _declared(part)

    undeclared = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in _modules(part)
        for name in _third_party(path, top_level=False)
        if not declared.intersection(home.lower() for home in homes.get(name, ()))
    }
    assert undeclared == set()


@pytest.mark.parametrize("part", ["attestations", "formats", "packager", "registry", "verifier"])
def test_importing_a_part_that_hosts_use_imports_no_dependency(part: str) -> None:
    eager = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in _modules(part)
        for name in _third_party(path, top_level=True)
    }

    assert eager == set()


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"common", "constants", "helper", "helpers", "misc", "models", "util", "utils"}

    found = [path for part in PARTS for path in _modules(part) if path.stem in drawers]
    assert found == []
