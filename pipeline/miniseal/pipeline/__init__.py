"""The release pipeline: steps, engines, the scanner, and what it tells while it works."""

from miniseal.pipeline.events import Event, Events
from miniseal.pipeline.release import Made, Release, Released, make, release

__all__ = ["Event", "Events", "Made", "Release", "Released", "make", "release"]
