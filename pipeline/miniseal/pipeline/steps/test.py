"""test: the program's own tests, against the wasm that will be shipped.

Calls run in wasmtime in the sandbox, under the limits that the package asks for; a command runs in
the sandbox with the wasm beside the source.
"""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.packager.recipe import SOURCE, TOOLS
from miniseal.pipeline.engines.engine import Engine, Exec, Log, Mount, Result
from miniseal.pipeline.steps.resolve import Resolved

__all__ = ["TESTS_BROKEN", "TESTS_FAILED", "test"]

TESTS_FAILED = Code(
    "tests-failed",
    VerificationError,
    meaning="a test of the program did not give what it has to",
    cause="a defect in the program, a wrong expectation, or limits that are too tight",
    remedy="correct the program or the test in miniseal.toml",
)
TESTS_BROKEN = Code(
    "tests-broken",
    EnvironmentalError,
    meaning="the program's tests could not be run",
    cause="the test runner or the sandbox failed",
    remedy="read what it said; `miniseal doctor` tries the sandbox by itself",
)
_PLACE = "/build/test"
_RESULTS_LIMIT = 1024 * 1024


async def test(
    resolved: Resolved,
    wasm: bytes,
    tools: Mapping[str, Path],
    engine: Engine,
    work: Path,
    *,
    log: Log | None = None,  # noqa: PT028 - a step, and no test of ours
) -> int:
    """Run the project's tests; how many there were.

    Raises:
        VerificationError: `tests-failed`.
        EnvironmentalError: `tests-broken`.
    """
    folder = work / "test"
    folder.mkdir()
    (folder / "app.wasm").write_bytes(wasm)
    settings = resolved.project.settings
    if settings.test_command:
        _judge_command(await _command(resolved, folder, engine, log), settings.test_command)
        return 1
    if not settings.test:
        return 0
    calls: list[dict[str, object]] = [
        {"call": call.call, "args": list(call.args), "expect": list(call.expect)}
        for call in settings.test
    ]
    request = {"limits": settings.asked_limits.to_json(), "calls": calls}
    (folder / "calls.json").write_text(json.dumps(request), encoding="utf-8")
    runner = resources.files("miniseal.pipeline.steps") / "wasm_calls.py"
    (folder / "wasm_calls.py").write_bytes(runner.read_bytes())
    _judge_calls(await _calls(folder, tools, engine), calls)
    return len(calls)


async def _command(resolved: Resolved, folder: Path, engine: Engine, log: Log | None) -> Result:
    return await engine.run(
        Exec(
            argv=resolved.project.settings.test_command,
            env={"MINISEAL_WASM": f"{_PLACE}/app.wasm"},
            inputs=(
                Mount(path=SOURCE, host=resolved.snapshot, writable=True),
                Mount(path=_PLACE, host=folder),
            ),
            cwd=SOURCE,
        ),
        log,
    )


async def _calls(folder: Path, tools: Mapping[str, Path], engine: Engine) -> Result:
    return await engine.run(
        Exec(
            argv=(
                *(engine.python, "-B", f"{_PLACE}/wasm_calls.py"),
                *(f"{_PLACE}/app.wasm", f"{_PLACE}/calls.json"),
            ),
            env={"PYTHONPATH": ":".join(f"{TOOLS}/{name}" for name in tools)},
            inputs=(
                Mount(path=_PLACE, host=folder),
                *(Mount(path=f"{TOOLS}/{name}", host=path) for name, path in tools.items()),
            ),
        )
    )


def _judge_command(result: Result, command: tuple[str, ...]) -> None:
    if result.exit_code != 0:
        raise TESTS_FAILED(
            f"{command[0]} ended with exit code {result.exit_code}", found=result.said
        )


def _judge_calls(result: Result, calls: list[dict[str, object]]) -> None:
    if result.exit_code != 0:
        raise TESTS_BROKEN(
            f"the test runner ended with exit code {result.exit_code}", found=result.said
        )
    outcomes = Members(
        {"results": loads(result.stdout, limit=_RESULTS_LIMIT, what="test results", floats=True)},
        "test results",
        TESTS_BROKEN,
    ).children("results")
    if len(outcomes) != len(calls):
        raise TESTS_BROKEN("the test runner lost a call", found=f"{len(outcomes)} results")
    for call, outcome in zip(calls, outcomes, strict=True):
        if outcome.value("passed") is not True:
            raise TESTS_FAILED(
                f"{call['call']}({', '.join(map(str, _list(call['args'])))}) is wrong",
                found=str(outcome.value("found"))[:200],
                expected=str(call["expect"]),
            )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
