"""What is found out by running: a second build, and the program's own tests."""

import json
from pathlib import Path
from typing import Any

from miniseal.formats.digest import sha256
from miniseal.formats.strictjson import canonical
from miniseal.pipeline.flow.job import Job
from miniseal.pipeline.flow.make import BUILD, FETCH, RESOLVE, build_inputs, engine_inputs
from miniseal.pipeline.graph import Results, Step, json_codec
from miniseal.pipeline.steps.build import rebuild
from miniseal.pipeline.steps.test import test

__all__ = ["REBUILD", "STEPS", "TEST"]


async def _fetch_runner(job: Job, of: Results) -> dict[str, Path]:
    project = of[RESOLVE].project
    tools = project.lock.test if project.settings.test else ()
    return await job.making.tools.fetch(tools, log=job.log(FETCH_RUNNER.name))


FETCH_RUNNER = Step[Job, dict[str, Path]](
    name="fetch-runner",
    does="downloads what runs the tests, by hash",
    run=_fetch_runner,
    uses=(RESOLVE,),
    shows=lambda tools: {"tools": ", ".join(tools) or "none"},
)


def _rebuild_inputs(job: Job, of: Results) -> dict[str, str] | None:
    inputs = build_inputs(job, of)
    return None if inputs is None else {**inputs, "wasm": sha256(of[BUILD].wasm)}


async def _rebuild(job: Job, of: Results) -> bool:
    engine, tools, wasm = job.making.engine, of[FETCH], of[BUILD].wasm
    return await rebuild(of[RESOLVE], tools, engine, wasm, job.work, log=job.log(REBUILD.name))


REBUILD = Step[Job, bool](
    name="rebuild",
    does="builds again elsewhere and compares",
    run=_rebuild,
    reads=(RESOLVE, BUILD),
    uses=(FETCH,),
    inputs=_rebuild_inputs,
    codec=json_codec(bool),
    shows=lambda same: {"result": "same bytes" if same else "nothing is built here"},
)


def _test_inputs(job: Job, of: Results) -> dict[str, str] | None:
    project = of[RESOLVE].project
    settings = project.settings
    inputs = {**engine_inputs(job), "wasm": sha256(of[BUILD].wasm)}
    if settings.test_command:
        if not job.making.engine.describe().images:
            return None  # a command of this machine, of which nothing is pinned
        command = sha256(canonical(list(settings.test_command)))
        return {**inputs, "command": command, "source": project.tree.digest}
    calls = [[call.call, list(call.args), list(call.expect)] for call in settings.test]
    tests = json.dumps([settings.asked_limits.to_json(), calls])
    runner = [tool.to_json() for tool in project.lock.test]
    return {
        **inputs,
        "tests": sha256(tests.encode()),
        "runner": sha256(canonical(runner)),
    }


async def _test(job: Job, of: Results) -> int:
    engine, runner, wasm = job.making.engine, of[FETCH_RUNNER], of[BUILD].wasm
    return await test(of[RESOLVE], wasm, runner, engine, job.work, log=job.log(TEST.name))


TEST = Step[Job, int](
    name="test",
    does="calls the program with expected results",
    run=_test,
    reads=(RESOLVE, BUILD),
    uses=(FETCH_RUNNER,),
    inputs=_test_inputs,
    codec=json_codec(int),
    shows=lambda passed: {"passed": passed},
)


STEPS: tuple[Step[Job, Any], ...] = (REBUILD, FETCH_RUNNER, TEST)
