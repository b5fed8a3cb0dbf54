"""What a rescan of a whole repository costs beside the scanner: time of our own, and memory.

200 packages of one repository, one after another, against a database that none of them was scanned
with. Wall-clock time is split in two: inside of the sandbox, where trivy is, and everything else,
which is checking packages and evidence, unpacking, signing, attaching and reading back. Then with
the same database, so that nothing is scanned; and last all of it two at a time, as by default.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

from benchmarks.stage import Stage
from kit.packages import POLICY, package, sbom
from kit.rescanning import Shelf
from miniseal.attestations import generate_key
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.pipeline.trivy.database import build

__all__ = ["measure"]

_DRIVER = """\
import asyncio, json, resource, sys, time
from pathlib import Path
from miniseal.attestations import FileSigner
from miniseal.packager.lock import pinned
from miniseal.pipeline.engines.local import LocalEngine, detect
from miniseal.pipeline.events import Events
from miniseal.pipeline.published import targets
from miniseal.pipeline.rescan.rescan import Rescan, rescan
from miniseal.pipeline.rescan.scanning import TrivyScanning
from miniseal.pipeline.steps.scan import ScanSettings, open_scanner
from miniseal.pipeline.trivy.source import Folder
from miniseal.verifier import Policy

layout, policy, key, database, search, jobs, again = sys.argv[1:]


class Timed:
    def __init__(self, engine):
        self._engine, self.seconds = engine, 0.0

    def __getattr__(self, name):
        return getattr(self._engine, name)

    async def run(self, exec, log=None):
        started = time.perf_counter()
        try:
            return await self._engine.run(exec, log)
        finally:
            self.seconds += time.perf_counter() - started


started = time.perf_counter()
settings = ScanSettings(
    trivy=None, search=search, database=Folder(path=Path(database)), max_age=86400, min_age=0
)
with LocalEngine(detect()) as engine:
    timed = Timed(engine)
    scanner = open_scanner(settings, pinned(()).scanner, timed, now=int(time.time()))
    given = Rescan(
        policy=Policy.load(policy),
        scanning=TrivyScanning.of(scanner, time.time),
        signer=FileSigner.load(key),
        events=Events(lambda _: None),
        jobs=int(jobs),
        again=again == "again",
        clock=time.time,
    )
    rows = asyncio.run(rescan(list(targets(f"oci:{layout}")), given))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "statuses": sorted({(row.status, row.unchanged) for row in rows}),
    "packages": len(rows),
    "wall": time.perf_counter() - started,
    "scanner": timed.seconds,
    "cpu": used.ru_utime + used.ru_stime,
    "peak": used.ru_maxrss,
}))
"""


def measure(stage: Stage, *, packages: int = 200) -> None:
    """Print the table; times are reported and not judged."""
    folder = stage.folder / "rescan"
    layout, policy, key = _repository(folder, packages)
    database = _database(folder)
    search = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for title, jobs, again in (
        ("with a newer database", "1", ""),
        ("with the same database", "1", ""),
        ("two at a time", "2", "again"),
    ):
        words = (layout, policy, key, database, search, jobs, again)
        said = json.loads(stage.environment.python(_DRIVER, *words))
        _show(f"rescan of {packages} packages {title}", said, split=jobs == "1")


def _repository(folder: Path, packages: int) -> tuple[Path, Path, Path]:
    """A layout with signed packages, a policy that accepts them, and its scanner's key."""
    shelf = Shelf.new(folder)
    shelf.scene.policy(POLICY.replace("expires = 2027", "expires = 2099"))
    shelf.scene.now = int(time.time())
    key = folder / "scanner.key"
    generate_key(key)
    shutil.copy(f"{key}.pub", shelf.scene.path.parent / "scanner.pub")
    for code in range(1, packages + 1):
        made = package(code=code, version=f"{code}.0.0", assets={"a.json": b"{}" * 5000})
        shelf.scene.release(made=made, without=["sbom"])
        kind, bill = sbom(made.config.wasm.digest)
        parts = [
            {"type": "library", "name": name, "version": "1.0.0", "purl": f"pkg:npm/{name}@1.0.0"}
            for name in ("one", "two", "three", "four", "five")
        ]
        shelf.scene.repository.say(made, (kind, {**bill, "components": parts}))
        shelf.publish(made)
        shelf.publish_others(made)
    return shelf.layout, shelf.scene.path, key


def _database(folder: Path) -> Path:
    advisories, database = folder / "advisories", folder / "database"
    advisories.mkdir()
    for name, advisory in ADVISORIES.items():
        (advisories / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
    build(advisories, database, updated=int(time.time()))
    return database


def _show(title: str, found: dict[str, float], *, split: bool) -> None:
    """Print the seconds; what runs side by side cannot be split."""
    rows = {"in all": found["wall"], "CPU of our own process": found["cpu"]}
    if split:
        rows["in the sandbox, with trivy"] = found["scanner"]
        rows["everything else"] = found["wall"] - found["scanner"]
    sys.stdout.write(f"\n{title}: {found['statuses']}\n  {'seconds':<44}{'':>9}{'a package':>11}\n")
    for name, seconds in rows.items():
        sys.stdout.write(f"  {name:<44}{seconds:>9.1f}{seconds / found['packages']:>11.3f}\n")
    sys.stdout.write(f"  peak memory of our own process: {found['peak'] / 1024:.0f} MiB\n")
    sys.stdout.flush()
