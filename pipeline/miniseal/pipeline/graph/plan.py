"""What a run would do, without running anything: the graph with what is cached and what is not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from miniseal.pipeline.graph.cache import StepCache
from miniseal.pipeline.graph.run import View, why
from miniseal.pipeline.graph.step import Step

__all__ = ["Planned", "plan", "until"]

_C = TypeVar("_C")
State = Literal["cached", "runs", "depends", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step, as a plan shows it.

    Attributes:
        name: of the step.
        does: in a few words.
        needs: names of the steps before it.
        state: `cached`; `runs`; `depends`, where that is known only after others have run; or
            `skipped`, where nothing that runs asks for it.
        why: for a step that runs, in sentences.
    """

    name: str
    does: str
    needs: tuple[str, ...]
    state: State
    why: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The step for `--json`."""
        return {
            "name": self.name,
            "does": self.does,
            "needs": list(self.needs),
            "state": self.state,
            "why": list(self.why),
        }


def until(goal: Step[_C, Any], planned: Mapping[Step[_C, Any], Planned]) -> tuple[Planned, ...]:
    """The plan of reaching `goal`: what is not asked for on the way is skipped."""
    asked: set[Step[_C, Any]] = set()
    waiting = [goal]
    while waiting:
        step = waiting.pop()
        if step not in asked:
            asked.add(step)
            waiting += step.reads if planned[step].state == "cached" else step.needs
    return tuple(
        each if step in asked else replace(each, state="skipped", why=())
        for step, each in planned.items()
    )


async def plan(
    steps: Iterable[Step[_C, Any]],
    context: _C,
    *,
    cache: StepCache | None,
    project: str = "",
    again: frozenset[str] = frozenset(),
) -> tuple[dict[Step[_C, Any], Planned], dict[Step[_C, Any], Any]]:
    """What running each of `steps`, which are in order, would do.

    Only steps that are pure are run; results of others come from the cache or stay unknown.

    Returns:
        The steps, and the results that are known.

    Raises:
        MinisealError: the code of a pure step that says no.
    """
    known: dict[Step[_C, Any], Any] = {}
    planned: dict[Step[_C, Any], Planned] = {}
    for step in steps:
        state: State = "runs"
        reasons: tuple[str, ...] = ()
        if step.pure:
            if all(needed in known for needed in step.needs):
                known[step] = await step.run(context, View(step, known))
            else:
                state = "depends"
        elif step.inputs is not None:
            memory = _Memory(cache=cache, project=project, again=again)
            state, reasons = _look(step, context, known, memory)
        planned[step] = Planned(
            name=step.name,
            does=step.does,
            needs=tuple(needed.name for needed in step.needs),
            state=state,
            why=reasons,
        )
    return planned, known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    """What is known of earlier runs, and which steps are to run in spite of it."""

    cache: StepCache | None
    project: str
    again: frozenset[str]


def _look(
    step: Step[_C, Any], context: _C, known: dict[Step[_C, Any], Any], memory: _Memory
) -> tuple[State, tuple[str, ...]]:
    cache = memory.cache
    if step.inputs is None or step.codec is None or cache is None:
        return "runs", ()
    if not all(needed in known for needed in step.reads):
        return "depends", ()
    inputs = step.depends(context, View(step, known))
    if inputs is None:
        return "runs", ("runs every time: something that it depends on is not pinned",)
    data = None if step.name in memory.again else cache.find(step.key(inputs))
    if data is not None:
        try:
            known[step] = step.codec.decode(data)
        except ValueError:
            data = None
    if data is not None:
        return "cached", ()
    reasons = why(cache.last(memory.project, step.name), inputs, forced=step.name in memory.again)
    return "runs", tuple(reasons)
