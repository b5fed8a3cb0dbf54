"""Commands in containers of a Dagger engine, without a network."""

from miniseal.pipeline.engines.dagger.engine import DaggerEngine

__all__ = ["DaggerEngine"]
