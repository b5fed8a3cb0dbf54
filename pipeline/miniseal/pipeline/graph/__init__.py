"""Steps that depend on each other, a cache of what they gave, and the runner; no step is here."""

from miniseal.pipeline.graph.cache import StepCache
from miniseal.pipeline.graph.plan import Planned, plan, until
from miniseal.pipeline.graph.run import Runner
from miniseal.pipeline.graph.step import Codec, Results, Step, after, json_codec

__all__ = [
    "Codec",
    "Planned",
    "Results",
    "Runner",
    "Step",
    "StepCache",
    "after",
    "json_codec",
    "plan",
    "until",
]
