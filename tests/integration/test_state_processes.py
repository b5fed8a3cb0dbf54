"""Several processes on one state at once, killed at random: nothing is lost."""

import json
import os
import pickle
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.hosting import Stage
from kit.packages import POLICY, Scene, package, wasm_module
from kit.tufs import ROOT_FILE, Repository, trusting
from miniseal.verifier import Verifier
from miniseal.verifier.host.head import Head
from miniseal.verifier.host.reader import StateReader

APPS, VERSIONS = ("com.acme.ant", "com.acme.bee", "com.acme.cat"), 4
HOSTS, ACTS, KILLS = 3, 40, 8
MANY, LINES = 100_000, 12
"""Acts of a host that will be killed, and how many of them it may report before."""
LONGEST_ACT_SECONDS = 0.05
SEEDS = (20261121, 20261122)
EXPECTED = {
    "install": {"rollback"},
    "load": {"not-installed"},
    "readmit": {"not-installed"},
    "remove": {"not-installed"},
    "refresh": {"trust-rollback"},
    "audit": {"not-installed"},
    "listed": set[str](),
}
"""The refusals that each act may meet, whatever others do meanwhile."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Hosts, each a process, on one state."""

    stage: Stage
    folder: Path

    def start(self, number: int, count: int = ACTS) -> subprocess.Popen[bytes]:
        """One host; the same number goes on in the same report."""
        words = ("-m", "kit.hosting", self.folder / "stage", str(number), str(count))
        tests, known = Path(__file__).parents[1], filter(None, [os.environ.get("PYTHONPATH")])
        return subprocess.Popen(
            [sys.executable, *map(str, words), str(self.folder / f"report-{number}")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *known])},
        )

    def wait_for(self, number: int, count: int) -> None:
        """Until a host has reported so many lines."""
        report = self.folder / f"report-{number}"
        while not report.exists() or report.read_bytes().count(b"\n") < count:
            time.sleep(0.001)

    def said(self) -> list[dict[str, object]]:
        """All reports; the last line of a host that was killed may be unfinished."""
        return [json.loads(line) for line in self._lines() if line.endswith("\n")]

    def _lines(self) -> Iterator[str]:
        for report in self.folder.glob("report-*"):
            with report.open(encoding="utf-8") as file:
                yield from file

    def head(self) -> Head:
        return StateReader(str(self.stage.state)).head()

    def verifier(self) -> Verifier:
        return Verifier.open(
            self.stage.policy, state=self.stage.state, clock=lambda: float(self.stage.now)
        )


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    scene = Scene(tmp_path, trusting(POLICY))
    tuf = Repository(scene.now)
    (scene.path.parent / ROOT_FILE).write_bytes(tuf.pinned)
    materials = []
    for number in range(VERSIONS):
        tuf.publish(b'{"number":%d}' % number)
        materials.append(tuf.material().to_bytes())
    packages = {
        app_id: tuple(
            scene.release(
                made=package(
                    app_id,
                    code=code,
                    version=f"{code}.{number}.0",
                    wasm=wasm_module(("env", "abort"), mark=f"{app_id}{code}".encode()),
                )
            )
            for code in range(1, VERSIONS + 1)
        )
        for number, app_id in enumerate(APPS)
    }
    stage = Stage(
        policy=scene.path,
        state=scene.state,
        now=scene.now,
        repository=scene.repository,
        packages={
            app_id: tuple(made.digest for made in versions) for app_id, versions in packages.items()
        },
        materials=tuple(materials),
    )
    (tmp_path / "stage").write_bytes(pickle.dumps(stage))
    return Crowd(stage, tmp_path)


def check(crowd: Crowd) -> None:
    """The state agrees with itself, and with everything that a host has reported."""
    said, head, verifier = crowd.said(), crowd.head(), crowd.verifier()
    unexpected = [
        line for line in said if "error" in line and line["error"] not in EXPECTED[line["act"]]
    ]
    assert unexpected == []

    log = verifier.audit().entries
    done = [line for line in said if "error" not in line]
    logged = Counter(
        (line["event"], line["app_id"], line["code"])
        for line in log
        if line["outcome"] == "admitted"
    )
    reported = Counter(
        (line["act"], line["app_id"], line["code"]) for line in done if line["act"] == "install"
    )
    assert reported <= logged
    for app_id in APPS:
        codes = [code for _, name, code in reported if name == app_id]
        assert (head.apps[app_id].code if app_id in head.apps else 0) >= max(codes, default=0)
    assert head.generation >= max((line.get("generation", 0) for line in done), default=0)
    materials = [line["material"] for line in done if line["act"] == "refresh"]
    if materials:
        assert head.trust is not None
        assert head.trust.versions["timestamp"] >= max(materials) + 2

    kept = {head.trust.digest} if head.trust else set()
    for admission in verifier.installed():
        program = verifier.load(admission.app_id)
        assert program.package in crowd.stage.packages[admission.app_id]
        kept |= admission.record.blobs()
    found = {f"sha256:{path.name}" for path in (crowd.stage.state / "blobs/sha256").glob("[!.]*")}
    assert kept <= found


def test_hosts_that_nobody_disturbs_do_not_disturb_each_other(crowd: Crowd) -> None:
    hosts = [crowd.start(number) for number in range(HOSTS)]

    assert [host.wait() for host in hosts] == [0] * HOSTS

    assert len(crowd.said()) == HOSTS * ACTS
    check(crowd)


@pytest.mark.parametrize("seed", SEEDS)
def test_hosts_that_are_killed_leave_a_whole_state(crowd: Crowd, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    hosts = {number: crowd.start(number, MANY) for number in range(HOSTS)}
    for following in range(HOSTS, HOSTS + KILLS):
        victim = chance.choice(tuple(hosts))
        crowd.wait_for(victim, chance.randrange(1, LINES))
        time.sleep(chance.uniform(0, LONGEST_ACT_SECONDS))
        assert hosts[victim].poll() is None
        hosts[victim].kill()
        hosts.pop(victim).wait()
        hosts[following] = crowd.start(following, MANY)
    for host in hosts.values():
        host.kill()
        host.wait()

    check(crowd)
    last = crowd.start(HOSTS + KILLS)
    assert last.wait() == 0
    check(crowd)
