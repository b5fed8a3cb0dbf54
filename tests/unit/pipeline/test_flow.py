"""What the results of a release's steps depend on."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.engines import FakeEngine, answer
from miniseal.packager import Project
from miniseal.pipeline.flow.make import BUILD, RESOLVE
from miniseal.pipeline.flow.prove import TEST
from miniseal.pipeline.flow.scan import SCAN_SOURCE, SCANNER
from miniseal.pipeline.graph import Step

EXAMPLES = Path(__file__).parents[3] / "examples"
# what a step's own inputs are called, as names of files that anybody can have in a project
NAMES = ("database", "engine", "isolated", "machine", "miniseal", "scanner", "toolchain lock")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = shutil.copytree(EXAMPLES / "greeting", tmp_path / "greeting")
    for name in NAMES:
        (root / name).write_text("not what it seems")
    return Project.load(root)


def key(step: Step[Any, Any], project: Project, isolation: str | None, database: str) -> str:
    engine = FakeEngine(answer(), isolation=isolation)
    making = SimpleNamespace(engine=engine, local=engine)
    scanner = SimpleNamespace(
        trivy=SimpleNamespace(digest="trivy"), database=SimpleNamespace(digest=database)
    )
    known: dict[Step[Any, Any], Any] = {
        RESOLVE: SimpleNamespace(project=project),
        BUILD: SimpleNamespace(wasm=b""),
        SCANNER: scanner,
    }
    inputs = step.depends(SimpleNamespace(making=making), known)
    assert inputs is not None
    return step.key(inputs)


@pytest.mark.parametrize("step", [BUILD, TEST, SCAN_SOURCE], ids=lambda step: step.name)
def test_no_file_of_a_project_hides_how_it_was_isolated(
    step: Step[Any, Any], project: Project
) -> None:
    assert key(step, project, "bwrap", "") != key(step, project, None, "")


def test_no_file_of_a_project_hides_which_database_it_was_looked_up_in(project: Project) -> None:
    assert key(SCAN_SOURCE, project, "bwrap", "old") != key(SCAN_SOURCE, project, "bwrap", "new")


@pytest.mark.parametrize("step", [BUILD, TEST, SCAN_SOURCE], ids=lambda step: step.name)
def test_nothing_is_taken_from_another_version_of_miniseal(
    step: Step[Any, Any], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(step, project, "bwrap", "")
    monkeypatch.setattr("importlib.metadata.version", str.upper)

    assert key(step, project, "bwrap", "") != before


@pytest.mark.parametrize("step", [BUILD, TEST], ids=lambda step: step.name)
def test_nothing_that_ran_is_taken_from_another_kind_of_machine(
    step: Step[Any, Any], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(step, project, "bwrap", "")
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(machine="pdp11"))

    assert key(step, project, "bwrap", "") != before
