"""The runner: reaches a step by what it needs, each step once, independent ones at the same time.

A step is reached on demand. Whose result is in the cache asks for nothing but what its inputs are
made of, so that a tool is not even fetched for a build that does not run. When one fails, the
others are cancelled, and the failure is what the caller sees.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

from miniseal.pipeline.events import Events
from miniseal.pipeline.graph.cache import StepCache
from miniseal.pipeline.graph.step import Results, Step

__all__ = ["Runner"]

_C = TypeVar("_C")
_T = TypeVar("_T")
_SHOWN = 5


class Runner(Generic[_C]):
    """Runs steps of one graph; what was reached stays reached."""

    def __init__(
        self,
        context: _C,
        *,
        events: Events,
        cache: StepCache | None = None,
        project: str = "",
        again: Iterable[str] = (),
        explain: bool = False,
        results: "dict[Step[_C, Any], Any] | None" = None,
    ) -> None:
        """Prepare a run.

        Args:
            context: what all steps are given.
            events: is told what happens.
            cache: of results; None runs everything.
            project: whose last inputs are compared with, to explain why a step runs.
            again: names of steps that run although the cache has their result.
            explain: tell which inputs changed when a step runs.
            results: takes what was reached, also of a run that fails; a dict of its own otherwise.
        """
        self._context = context
        self._events = events
        self._cache = cache
        self._project = project
        self._again = frozenset(again)
        self._explain = explain
        self._results = {} if results is None else results
        self._given: set[Step[_C, Any]] = set()
        self._tasks: dict[Step[_C, Any], asyncio.Task[None]] = {}

    @property
    def results(self) -> Mapping[Step[_C, Any], Any]:
        """What was reached."""
        return self._results

    def give(self, results: "Mapping[Step[_C, Any], Any]") -> None:
        """Take results of steps that another job has run: these do not run here.

        Raises:
            ValueError: one of them ran already.
        """
        for step, value in results.items():
            if step in self._tasks:
                raise ValueError(f"{step.name} ran already")
            with self._events.step(step.name) as facts:
                facts.update(step.shows(value), by="another job")
            self._results[step] = value
            self._given.add(step)

    async def reach(self, step: Step[_C, _T]) -> _T:
        """The result of `step`, after all that it takes.

        Raises:
            MinisealError: the code of the step that said no.
        """
        try:
            async with asyncio.TaskGroup() as group:
                self._start(step, group)
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        result: _T = self._results[step]
        return result

    def _start(self, step: Step[_C, Any], group: asyncio.TaskGroup) -> asyncio.Task[None]:
        if step not in self._tasks:
            self._tasks[step] = group.create_task(self._do(step, group), name=step.name)
        return self._tasks[step]

    async def _all(self, steps: Iterable[Step[_C, Any]], group: asyncio.TaskGroup) -> None:
        await asyncio.gather(*(self._start(step, group) for step in steps))

    async def _do(self, step: Step[_C, Any], group: asyncio.TaskGroup) -> None:
        if step in self._given:
            return
        await self._all(step.reads, group)
        inputs = self._inputs(step)
        if inputs is not None and self._found(step, inputs):
            return
        await self._all(step.uses, group)
        with self._events.step(step.name) as facts:
            if inputs is not None and self._explain:
                self._tell_why(step, inputs)
            value = await step.run(self._context, self._view(step))
            facts.update(step.shows(value))
        self._results[step] = value
        if self._cache is not None and inputs is not None and step.codec is not None:
            self._cache.keep(step.key(inputs), step.codec.encode(value))
            self._cache.remember(self._project, step.name, inputs)

    def _inputs(self, step: Step[_C, Any]) -> dict[str, str] | None:
        return None if self._cache is None else step.depends(self._context, self._view(step))

    def _found(self, step: Step[_C, Any], inputs: Mapping[str, str]) -> bool:
        """Whether the cache has the result; it is taken then."""
        if self._cache is None or step.codec is None or step.name in self._again:
            return False
        data = self._cache.find(step.key(inputs))
        if data is None:
            return False
        try:
            value = step.codec.decode(data)
        except ValueError:
            return False  # written by another version
        self._results[step] = value
        self._cache.remember(self._project, step.name, inputs)
        self._events.emit(step.name, "cached", **step.shows(value))
        return True

    def _tell_why(self, step: Step[_C, Any], inputs: Mapping[str, str]) -> None:
        before = self._cache.last(self._project, step.name) if self._cache else None
        for text in why(before, inputs, forced=step.name in self._again):
            self._events.emit(step.name, "output", text=text)

    def _view(self, step: Step[_C, Any]) -> Results:
        return View(step, self._results)


class View:
    """The results that one step may ask for: those it has declared, so that no picture lies."""

    def __init__(self, step: Step[Any, Any], results: Mapping[Step[Any, Any], Any]) -> None:
        """Show `step` its part of `results`."""
        self._step = step
        self._results = results

    def __getitem__(self, step: Step[Any, _T], /) -> _T:
        """The result of `step`."""
        if step not in self._step.needs:
            raise LookupError(f"{self._step.name} asks for {step.name} without saying so")
        result: _T = self._results[step]
        return result


def why(before: Mapping[str, str] | None, now: Mapping[str, str], *, forced: bool) -> list[str]:
    """Why a step runs, in sentences: which of its inputs are not what they were."""
    if forced:
        return ["runs because it was asked for"]
    if before is None:
        return ["runs because it never ran for this project"]
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    texts = [
        f"runs because {name} changed: {_short(before.get(name))} -> {_short(now.get(name))}"
        for name in names[:_SHOWN]
    ]
    if len(names) > _SHOWN:
        texts.append(f"and {len(names) - _SHOWN} more inputs changed")
    return texts or ["runs because the cache no longer has its result"]


def _short(value: str | None) -> str:
    if value is None:
        return "absent"
    return value[:19] if value.startswith("sha256:") else value[:80]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure that is not a group; every step that waited for it raised it again."""
    first: BaseException = failures.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(cast("BaseExceptionGroup[BaseException]", first))
    return first
