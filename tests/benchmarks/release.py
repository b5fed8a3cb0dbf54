"""How long a release takes the first time, from the step cache, and when nothing has changed.

Cold: into an empty registry, with the tools in their cache; everything is built, tested, scanned
and signed. Cached: into an empty registry, with every step's result in the step cache. Warm: into
the same registry again; it finds good evidence there and signs nothing, on this machine and with a
Dagger engine's build alike. What fetching the tools adds is up to the network, is measured once and
is in no ratio. Our own share of a cold release is the time in which no command of the sandbox runs.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.measure import (
    Action,
    Series,
    interleave,
    process,
    show,
    show_fact,
    show_ratio,
)
from benchmarks.stage import Stage
from kit.dagger import DaggerEngineProcess, DaggerTools
from kit.wheel import environment
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.pipeline.trivy.database import build
from services import image, programs

__all__ = ["measure"]

# Runs the command line, and notes when a command of the local sandbox ran and how much memory this
# process took; not what its children did.
_OBSERVED = """
import json, resource, sys, time
from miniseal.cli.main import main
from miniseal.pipeline.engines import local
spans, run = [], local.LocalEngine.run
async def timed(self, exec, log=None):
    started = time.monotonic()
    try:
        return await run(self, exec, log)
    finally:
        spans.append((started, time.monotonic()))
local.LocalEngine.run = timed
code = main(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "w") as file:
    json.dump({"spans": spans, "peak_kib": peak}, file)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """A publisher with caches of its own.

    Attributes:
        stage: has the installed wheel.
        folder: for everything that is written.
        database: of vulnerabilities.
    """

    stage: Stage
    folder: Path
    database: Path

    @property
    def environ(self) -> dict[str, str]:
        """What every command runs with."""
        return {
            **environment(),
            "MINISEAL_CACHE": str(self.folder / "cache"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def words(self, project: Path, registry: str, *more: str | Path) -> tuple[str | Path, ...]:
        """A release of `project` into a registry of this name."""
        return (
            *("release", project, "--to", f"oci:{self.folder / registry}", *more),
            *("--key", self.folder / "publisher.key", "--vulnerability-db", self.database),
        )

    def release(
        self,
        project: Path,
        registries: Iterator[str],
        *more: str | Path,
        environ: dict[str, str] | None = None,
    ) -> Action:
        """Releases into one registry after the other."""
        program = self.stage.environment.folder / "bin" / "miniseal"
        return lambda: process(
            program,
            *self.words(project, next(registries), *more),
            environ={**self.environ, **(environ or {})},
            talk=self.folder / "talk.txt",
        )


def measure(stage: Stage, *, rounds: int = 5) -> None:
    """Print the tables; times are reported and not judged."""
    bench = _bench(stage)
    greeting = stage.examples / "greeting"
    first = bench.release(greeting, iter(["fetching"]))()
    measured = interleave(
        {
            "cold": bench.release(greeting, _names("cold"), "--no-cache"),
            "from the step cache": bench.release(greeting, _names("cached")),
            "warm": bench.release(greeting, _same("fetching")),
        },
        rounds=rounds,
    )
    show("release of examples/greeting, whole processes", measured)
    for name in ("from the step cache", "warm"):
        show_ratio(f"{name} / cold", measured[name], measured["cold"])
    show("the same with an empty tool cache", {"fetch and release": Series.of([first])})
    _show_share(bench, greeting, rounds)
    _show_dagger(bench, greeting, rounds)


def _show_share(bench: _Bench, project: Path, rounds: int) -> None:
    shares: list[float] = []
    peaks: list[int] = []
    notes = bench.folder / "notes.json"
    for number in range(rounds):
        words = bench.words(project, f"share-{number}", "--no-cache")
        python = bench.stage.environment.folder / "bin" / "python"
        sample = process(
            *(python, "-I", "-c", _OBSERVED, notes, *words),
            environ=bench.environ,
            talk=bench.folder / "talk.txt",
        )
        found = json.loads(notes.read_bytes())
        shares.append(1 - _covered(found["spans"]) / sample.wall)
        peaks.append(found["peak_kib"])
    show_fact("our own share of a cold release", f"{min(shares):.2f} to {max(shares):.2f}")
    show_fact("peak memory of our process", f"{max(peaks) / 1024:.0f} MiB")


def _show_dagger(bench: _Bench, project: Path, rounds: int) -> None:
    """A warm release whose wasm an engine built, beside one whose wasm was built here."""
    base = image.entry()
    tools = DaggerTools(folder=programs.DAGGER.entry(), version=programs.DAGGER_VERSION)
    if not (base.is_dir() and tools.folder.is_dir()):
        show_fact("Dagger", "not measured: run `make services`")
        return
    copy = bench.folder / "project"
    shutil.copytree(project, copy)
    archive = base / image.ARCHIVE
    process(
        *(bench.stage.environment.folder / "bin" / "miniseal", "lock", copy),
        *("--base-image", f"oci-archive:{archive}"),
        environ=bench.environ,
        talk=bench.folder / "talk.txt",
    )
    options = ("--engine", "dagger", "--base-image", archive)
    with DaggerEngineProcess(tools) as engine:
        cold = bench.release(
            copy, _names("dagger-cold"), *options, "--no-cache", environ=engine.env()
        )
        series = interleave({"cold, the toolchain on Dagger": cold}, rounds=rounds)
        bench.release(copy, iter(["dagger"]), *options, environ=engine.env())()
    measured = interleave(
        {
            "warm on Dagger": bench.release(copy, _same("dagger"), *options),
            "warm here": bench.release(project, _same("fetching")),
        },
        rounds=rounds,
    )
    show("release of examples/greeting on a Dagger engine", series | measured)
    show_ratio("warm on Dagger / warm here", measured["warm on Dagger"], measured["warm here"])


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one of these ran."""
    total, until = 0.0, 0.0
    for started, ended in sorted(spans):
        total += max(0.0, ended - max(started, until))
        until = max(until, ended)
    return total


def _names(prefix: str) -> Iterator[str]:
    return (f"{prefix}-{number}" for number in count())


def _same(name: str) -> Iterator[str]:
    while True:
        yield name


def _bench(stage: Stage) -> _Bench:
    folder = stage.folder / "release"
    bench = _Bench(stage=stage, folder=folder, database=_database(folder))
    stage.environment.python(
        "import sys\nfrom miniseal.cli.main import main\nsys.exit(main(sys.argv[1:]))",
        *("keys", "generate", folder / "publisher.key"),
    )
    return bench


def _database(folder: Path) -> Path:
    advisories, database = folder / "advisories", folder / "database"
    advisories.mkdir(parents=True)
    for name, advisory in ADVISORIES.items():
        (advisories / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
    build(advisories, database, updated=int(time.time()))
    return database
