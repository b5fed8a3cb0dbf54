import asyncio
from dataclasses import replace

import pytest

from kit.engines import wait
from kit.graphs import Bench
from miniseal.formats.errors import Code, VerificationError
from miniseal.pipeline.graph import Results, Step, after

SAID_NO = Code("said-no", VerificationError, meaning="-", cause="-", remedy="-")


def test_a_step_runs_after_what_it_needs_and_once(bench: Bench) -> None:
    first = bench.step("first")
    left, right = bench.step("left", (first,)), bench.step("right", (first,))
    last = bench.step("last", uses=(left, right))

    result = wait(bench.runner().reach(last))

    assert result == "last(left(first()),right(first()))"
    assert bench.ran[0] == "first"
    assert sorted(bench.ran) == ["first", "last", "left", "right"]


def test_what_is_cached_does_not_run_and_asks_for_no_more_than_its_inputs(bench: Bench) -> None:
    source, tool = bench.step("source", cached=False), bench.step("tool", cached=False)
    built = bench.step("built", reads=(source,), uses=(tool,))
    wait(bench.runner().reach(built))
    bench.ran.clear()

    result = wait(bench.runner().reach(built))

    assert result == "built(source(),tool())"
    assert bench.ran == ["source"]
    assert bench.told("cached") == ["built"]


def test_a_changed_input_runs_the_step_and_what_sees_another_result(bench: Bench) -> None:
    source = bench.step("source")
    same = bench.step("same", (source,), does=lambda: "always the same")
    last = bench.step("last", (same,))
    wait(bench.runner().reach(last))
    bench.ran.clear()
    bench.inputs["source"] = "changed"

    wait(bench.runner().reach(last))

    assert bench.ran == ["source", "same"]


def test_a_step_that_is_asked_for_again_runs_with_all_that_depend_on_it(bench: Bench) -> None:
    first = bench.step("first")
    second = bench.step("second", (first,))
    other = bench.step("other", (first,))
    third = bench.step("third", (second,), uses=(other,))
    wait(bench.runner().reach(third))
    bench.ran.clear()

    again = after((first, second, other, third), ["second"])
    wait(bench.runner(again=again).reach(third))

    assert bench.ran == ["second", "third"]


def test_independent_steps_run_at_the_same_time(bench: Bench) -> None:
    started: list[str] = []
    both = asyncio.Event()

    def step(name: str) -> Step[Bench, str]:
        async def run(bench: Bench, of: Results) -> str:
            del bench, of
            started.append(name)
            if len(started) == 2:
                both.set()
            await asyncio.wait_for(both.wait(), 5)
            return name

        return replace(bench.step(name), run=run)

    last = bench.step("last", uses=(step("left"), step("right")))

    assert wait(bench.runner().reach(last)) == "last(left,right)"


def test_a_failure_is_what_the_caller_sees_and_stops_the_others(bench: Bench) -> None:
    async def refuse(bench: Bench, of: Results) -> str:
        del bench, of
        raise SAID_NO("no")

    async def endless(bench: Bench, of: Results) -> str:
        del bench, of
        await asyncio.sleep(60)
        return "never"

    bad = replace(bench.step("bad"), run=refuse)
    long = replace(bench.step("long"), run=endless)
    last = bench.step("last", uses=(long, bad))

    with pytest.raises(VerificationError) as error:
        wait(bench.runner().reach(last))

    assert error.value.code == "said-no"
    assert sorted(bench.told("failed")) == ["bad", "long"]
    assert "last" not in bench.told("started")


def test_a_failure_is_not_kept(bench: Bench) -> None:
    answers = iter([False, True])

    async def once(bench: Bench, of: Results) -> str:
        del bench, of
        if not next(answers):
            raise SAID_NO("no")
        return "yes"

    step = replace(bench.step("flaky"), run=once)
    with pytest.raises(VerificationError):
        wait(bench.runner().reach(step))

    assert wait(bench.runner().reach(step)) == "yes"


def test_a_step_cannot_ask_for_what_it_has_not_declared(bench: Bench) -> None:
    hidden = bench.step("hidden")

    async def run(bench: Bench, of: Results) -> str:
        del bench
        return of[hidden]

    curious = replace(bench.step("curious"), run=run)

    with pytest.raises(LookupError, match="curious asks for hidden"):
        wait(bench.runner().reach(curious))


def test_inputs_that_cannot_be_known_are_run_every_time(bench: Bench) -> None:
    step = replace(bench.step("unpinned"), inputs=lambda _bench, _of: None)
    wait(bench.runner().reach(step))

    wait(bench.runner().reach(step))

    assert bench.ran == ["unpinned", "unpinned"]


def test_a_result_of_another_version_is_run_again(bench: Bench) -> None:
    step = bench.step("step")
    wait(bench.runner().reach(step))

    wait(bench.runner().reach(replace(step, version=2)))

    assert bench.ran == ["step", "step"]


def test_an_explanation_names_the_input_that_changed(bench: Bench) -> None:
    step = bench.step("step")
    bench.inputs["step"] = "one"
    wait(bench.runner(explain=True).reach(step))
    bench.inputs["step"] = "two"
    wait(bench.runner(explain=True).reach(step))
    wait(bench.runner(explain=True, again=["step"]).reach(step))
    bench.cache.prune(0)
    wait(bench.runner(explain=True).reach(step))

    assert [event.data["text"] for event in bench.seen if event.event == "output"] == [
        "runs because it never ran for this project",
        "runs because own changed: one -> two",
        "runs because it was asked for",
        "runs because the cache no longer has its result",
    ]
