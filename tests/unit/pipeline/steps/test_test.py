import json
from dataclasses import replace
from pathlib import Path

import pytest

from kit.engines import FakeEngine, answer, wait
from miniseal.formats.errors import EnvironmentalError, VerificationError
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.steps.test import test as run_tests

WASM = b"\0asm\1\0\0\0"


def _results(*passed: bool) -> FakeEngine:
    results = [{"call": "greeting", "passed": each, "found": [7]} for each in passed]
    return FakeEngine(answer(stdout=json.dumps(results).encode()))


def _with(resolved: Resolved, **settings: object) -> Resolved:
    changed = replace(resolved.project.settings, **settings)  # type: ignore[arg-type]
    return replace(resolved, project=replace(resolved.project, settings=changed))


def test_all_calls_pass(resolved: Resolved, tmp_path: Path) -> None:
    engine = _results(*[True] * len(resolved.project.settings.test))

    ran = wait(run_tests(resolved, WASM, {}, engine, tmp_path))

    assert ran == len(resolved.project.settings.test)


def test_a_wrong_result_is_refused(resolved: Resolved, tmp_path: Path) -> None:
    count = len(resolved.project.settings.test)
    engine = _results(*[True] * (count - 1), False)

    with pytest.raises(VerificationError, match="is wrong") as error:
        wait(run_tests(resolved, WASM, {}, engine, tmp_path))

    assert error.value.code == "tests-failed"
    assert error.value.found == "[7]"


def test_a_lost_result_is_not_a_pass(resolved: Resolved, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentalError, match="lost a call") as error:
        wait(run_tests(resolved, WASM, {}, _results(True), tmp_path))

    assert error.value.code == "tests-broken"


def test_a_runner_that_crashes_is_not_a_pass(resolved: Resolved, tmp_path: Path) -> None:
    engine = FakeEngine(answer(139, stderr=b"core dumped"))

    with pytest.raises(EnvironmentalError, match="exit code 139") as error:
        wait(run_tests(resolved, WASM, {}, engine, tmp_path))

    assert error.value.code == "tests-broken"


def test_a_command_passes_by_its_exit_code(resolved: Resolved, tmp_path: Path) -> None:
    engine = FakeEngine(answer())

    ran = wait(run_tests(_with(resolved, test_command=("true",)), WASM, {}, engine, tmp_path))

    assert ran == 1
    assert engine.commands[0].argv == ("true",)


def test_a_command_that_fails_is_refused(resolved: Resolved, tmp_path: Path) -> None:
    engine = FakeEngine(answer(1, stdout=b"2 of 3 passed"))

    with pytest.raises(VerificationError, match="exit code 1") as error:
        wait(run_tests(_with(resolved, test_command=("check",)), WASM, {}, engine, tmp_path))

    assert error.value.code == "tests-failed"
    assert error.value.found == "2 of 3 passed"


def test_a_program_without_tests_runs_nothing(resolved: Resolved, tmp_path: Path) -> None:
    engine = FakeEngine(answer())

    ran = wait(run_tests(_with(resolved, test=()), WASM, {}, engine, tmp_path))

    assert ran == 0
    assert not engine.commands
