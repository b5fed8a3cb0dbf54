"""A graph of steps that do nothing but note that they ran."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from miniseal.pipeline.events import Event, Events
from miniseal.pipeline.graph import Results, Runner, Step, StepCache, json_codec

__all__ = ["Bench"]


@dataclass(slots=True)
class Bench:
    """A graph for tests: steps that note when they ran, and the events of the runs."""

    cache: StepCache
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    ran: list[str] = field(default_factory=list[str])
    seen: list[Event] = field(default_factory=list[Event])

    def step(
        self,
        name: str,
        reads: tuple[Step[Any, Any], ...] = (),
        uses: tuple[Step[Any, Any], ...] = (),
        *,
        cached: bool = True,
        pure: bool = False,
        does: Callable[[], str] | None = None,
    ) -> Step["Bench", str]:
        """A step whose inputs are `inputs[name]` and the results that it reads."""

        async def run(bench: "Bench", of: Results) -> str:
            bench.ran.append(name)
            parts = [of[each] for each in (*reads, *uses)]
            return does() if does else f"{name}({bench.inputs.get(name, '')}{','.join(parts)})"

        def inputs(bench: "Bench", of: Results) -> Mapping[str, str]:
            return {"own": bench.inputs.get(name, ""), **{each.name: of[each] for each in reads}}

        return Step["Bench", str](
            name=name,
            does=f"does {name}",
            run=run,
            reads=reads,
            uses=uses,
            inputs=inputs if cached else None,
            codec=json_codec(str) if cached else None,
            pure=pure,
            shows=lambda value: {"value": value},
        )

    def runner(self, **options: Any) -> Runner["Bench"]:
        """A runner of its own, as each process has one."""
        return Runner(
            self, events=Events(self.seen.append), cache=self.cache, project="/p", **options
        )

    def told(self, kind: str) -> list[str]:
        """The steps that this happened to."""
        return [event.step for event in self.seen if event.event == kind]
