"""What every step of one run is given."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from miniseal.attestations import Signer
from miniseal.packager import Project
from miniseal.pipeline.engines.engine import Engine, Log
from miniseal.pipeline.events import Events
from miniseal.pipeline.graph import StepCache
from miniseal.pipeline.steps.build import Room
from miniseal.pipeline.steps.scan import ScanSettings
from miniseal.pipeline.tools.cache import ToolCache
from miniseal.registry import Store
from miniseal.verifier import Policy

__all__ = ["Job", "Making", "Publishing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What building needs beside the source.

    Attributes:
        engine: runs the toolchain and the program's tests.
        local: runs git and the scanner, on this machine.
        tools: the cache that tools are fetched into.
        events: is told what happens.
        cache: what steps gave before; None runs everything.
        room: where a recipe runs, if it is not the usual place; the cache does not ask.
        clock: seconds since 1970.
        identify: a new URI for each build.
    """

    engine: Engine
    local: Engine
    tools: ToolCache
    events: Events
    cache: StepCache | None = None
    room: Room | None = None
    clock: Callable[[], float] = time.time
    identify: Callable[[], str] = field(default=lambda: uuid.uuid4().urn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """What a release needs beside that.

    Attributes:
        store: where it goes.
        signer: signs every statement.
        policy: what the release of a project must satisfy before it is tagged.
        material: the trust material that the policy needs, or None.
        links: whether each step leaves a link; `[publish] links` may ask for it too.
        inputs: of the workflow that the signer's certificate names, which then is the builder.
    """

    store: Store
    signer: Signer
    policy: Callable[[Project], Policy]
    material: bytes | None = None
    links: bool = False
    inputs: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every step of one run is given.

    Attributes:
        root: the project's folder.
        work: scratch space.
        making: how to build.
        scan: which scanner and which database; None where nothing is scanned.
        release: how to publish; None where nothing is.
    """

    root: Path
    work: Path
    making: Making
    scan: ScanSettings | None = None
    release: Publishing | None = None

    @property
    def scanning(self) -> ScanSettings:
        """How to scan, for steps that only what scans has."""
        if self.scan is None:
            raise LookupError("this step scans")
        return self.scan

    @property
    def publishing(self) -> Publishing:
        """How to publish, for steps that only a release has."""
        if self.release is None:
            raise LookupError("this step is of a release")
        return self.release

    def log(self, step: str) -> Log:
        """Where lines of a command's output go."""
        return lambda line: self.making.events.emit(step, "output", text=line)
