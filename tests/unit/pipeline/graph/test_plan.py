from dataclasses import replace

from kit.engines import wait
from kit.graphs import Bench
from miniseal.pipeline.graph import plan, until


def test_a_plan_says_what_is_cached_what_runs_and_what_depends(bench: Bench) -> None:
    source = bench.step("source", cached=False, pure=True)
    tool = bench.step("tool", cached=False)
    built = bench.step("built", (source,), (tool,))
    checked = bench.step("checked", (built,))
    steps = (source, tool, built, checked)
    wait(bench.runner().reach(built))
    bench.ran.clear()

    planned, known = wait(plan(steps, bench, cache=bench.cache, project="/p"))
    shown = {each.name: each.state for each in until(checked, planned)}

    assert shown == {"source": "runs", "tool": "skipped", "built": "cached", "checked": "runs"}
    assert bench.ran == ["source"]
    assert known[built] == "built(source(),tool())"

    bench.inputs["source"] = "new"
    planned, _ = wait(plan(steps, bench, cache=bench.cache, project="/p"))
    found = {each.name: each for each in until(checked, planned)}

    assert found["built"].state == "runs"
    assert found["built"].why == ("runs because source changed: source() -> source(new)",)
    assert found["checked"].state == "depends"
    assert found["tool"].state == "runs"


def test_a_plan_without_a_cache_runs_everything(bench: Bench) -> None:
    step = bench.step("step")

    planned, _ = wait(plan((step,), bench, cache=None))

    assert planned[step].state == "runs"


def test_a_step_whose_inputs_cannot_be_known_says_so(bench: Bench) -> None:
    step = replace(bench.step("step"), inputs=lambda _bench, _of: None)

    planned, _ = wait(plan((step,), bench, cache=bench.cache))

    assert planned[step].why == ("runs every time: something that it depends on is not pinned",)
