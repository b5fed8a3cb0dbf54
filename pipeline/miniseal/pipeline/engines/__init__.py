"""Where a command runs: one protocol; behind it this machine's sandbox, or a Dagger engine."""

from miniseal.pipeline.engines.engine import Engine, Exec, Mount, Result
from miniseal.pipeline.engines.local import LocalEngine, detect, works
from miniseal.pipeline.engines.sandbox import Isolation

__all__ = ["Engine", "Exec", "Isolation", "LocalEngine", "Mount", "Result", "detect", "works"]
