"""Releases and installations that are killed: nothing unverified has a tag, nothing is lost."""

import json
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from kit.commands import run_miniseal
from kit.killing import Moment, kill_at, kill_when, nothing_survives
from kit.layouts import tags
from kit.publishing import Publisher
from miniseal.formats.errors import MinisealError
from miniseal.pipeline import flow
from miniseal.registry import LayoutStore
from miniseal.verifier import Verifier

APP, VERSION, NEWER = "com.example.greeting", "1.0.1", "1.1.0"
STEPS = tuple(step.name for step in flow.STEPS)
QUICK = (
    *("rebuild", "test", "origin", "scan-source", "sbom", "scan-package", "scan-sbom"),
    *("gate", "attest", "sign"),
)
"""Their end may be so close to the first write that the signal comes after it."""
WRITING = ("push", "verify", "tag")
SEEDS, KILLS_WITH_A_SEED = (20261121, 20261122), 4
CHANGES_OF_A_FIRST_INSTALL, CHANGES_OF_AN_UPDATE = 12, 18


@pytest.fixture
def publisher(released: Path, vulnerability_db: Path) -> Publisher:
    return Publisher(key=released / "publisher.key", database=vulnerability_db)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return tmp_path / "registry"


class Release:
    """A release of `greeting` that is killed again and again, into the same layout."""

    def __init__(self, publisher: Publisher, released: Path, examples: Path, tmp: Path) -> None:
        self.layout = tmp / "registry"
        self.package = tags(released / "registry-greeting")[VERSION]
        self._publisher = publisher
        self._project = examples / "greeting"
        self._policy = released / "policy-greeting" / "policy.toml"
        self.scratch = tmp / "scratch"

    def kill(self, moment: Moment, delay: float = 0.0, by: signal.Signals = signal.SIGKILL) -> int:
        words = (*self._publisher.words(self._project, self.layout), "--resign")
        with nothing_survives():
            return kill_at(moment, words, scratch=self.scratch, delay=delay, by=by)

    def check(self) -> None:
        """Whatever has a tag is what a host accepts."""
        if (self.layout / "index.json").exists():
            json.loads((self.layout / "index.json").read_bytes())
        found = tags(self.layout)
        assert set(found) <= {VERSION, f"{VERSION}-wasm", f"{VERSION}-image"}
        if found:
            assert found.get(VERSION, self.package) == self.package
            self.verify(f"oci:{self.layout}@{self.package}")

    def verify(self, reference: str) -> None:
        run_miniseal("verify", reference, "--app", APP, "--policy", self._policy).ok()

    def complete(self) -> None:
        self._publisher.release(self._project, self.layout).ok()
        assert set(tags(self.layout)) == {VERSION, f"{VERSION}-wasm", f"{VERSION}-image"}
        self.verify(f"oci:{self.layout}:{VERSION}")


@pytest.fixture
def release(publisher: Publisher, released: Path, examples: Path, tmp_path: Path) -> Release:
    return Release(publisher, released, examples, tmp_path)


@pytest.mark.parametrize("step", [step for step in STEPS if step not in (*QUICK, *WRITING)])
def test_a_release_that_is_killed_before_it_writes_has_written_nothing(
    release: Release, step: str
) -> None:
    started = release.kill((step, "started"))
    finished = release.kill((step, "finished"))

    assert started == finished == -signal.SIGKILL
    assert not release.layout.exists()


@pytest.mark.parametrize("step", QUICK)
def test_a_release_that_is_killed_before_it_verifies_has_tagged_nothing(
    release: Release, step: str
) -> None:
    started = release.kill((step, "started"))
    finished = release.kill((step, "finished"))

    assert started == finished == -signal.SIGKILL
    assert tags(release.layout) == {}


@pytest.mark.parametrize("step", WRITING)
def test_a_release_that_is_killed_while_it_writes_is_completed_by_the_next(
    release: Release, step: str
) -> None:
    started = release.kill((step, "started"))
    release.check()
    finished = release.kill((step, "finished"))
    release.check()

    assert started == -signal.SIGKILL
    assert finished == -signal.SIGKILL or step == "tag"  # after the last event it may be too late
    release.complete()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("steps", [STEPS, ("push",)], ids=["anywhere", "among the writes"])
def test_a_release_that_is_killed_at_random_is_completed_by_the_next(
    release: Release, steps: tuple[str, ...], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets

    for _ in range(KILLS_WITH_A_SEED):
        release.kill((chance.choice(steps), "started"), chance.random() * 0.25)
        release.check()

    release.complete()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", ["build", "rebuild", "scan-package"])
def test_a_release_that_is_interrupted_ends_with_130_and_leaves_no_files(
    release: Release, step: str, by: signal.Signals
) -> None:
    exit_code = release.kill((step, "started"), by=by)

    assert exit_code == 130
    assert not release.layout.exists()
    assert list(release.scratch.iterdir()) == []


class Host:
    """A host whose installations are killed."""

    def __init__(self, source: Path, policy: Path, tmp: Path) -> None:
        self.state = tmp / "state"
        self._source = source
        self._policy = policy
        self._scratch = tmp / "scratch"

    def verifier(self) -> Verifier:
        return Verifier.open(self._policy, state=self.state)

    def install(self, version: str) -> None:
        self.verifier().install(APP, LayoutStore(self._source), version)

    def kill_install(self, version: str, happened: Callable[[], bool]) -> int:
        words = (
            *("install", APP, f"oci:{self._source}:{version}"),
            *("--policy", str(self._policy), "--state", str(self.state)),
        )
        return kill_when(happened, words, scratch=self._scratch)

    def versions(self) -> list[str]:
        """The installed versions, by `list`; those that are listed load."""
        listed = self.verifier().installed()
        for each in listed:
            assert self.verifier().load(APP).package == each.package
        return [each.version_name for each in listed]

    def changes(self, count: int) -> Callable[[], bool]:
        """Whether the state has been seen to change so many times since this was called."""
        seen = [self._files()]

        def happened() -> bool:
            now = self._files()
            if now != seen[-1]:
                seen.append(now)
            return len(seen) > count

        return happened

    def _files(self) -> set[tuple[str, int, int]]:
        return set(_files(self.state))


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield str(path), status.st_size, status.st_mtime_ns


@pytest.fixture(scope="module")
def two_versions(shared: Path, released: Path, examples: Path, vulnerability_db: Path) -> Path:
    """A layout with two versions of `greeting`."""
    folder = shared / "two-versions"
    with FileLock(shared / "two-versions.lock"):
        if not folder.is_dir():
            project = Path(shutil.copytree(examples / "greeting", shared / "greeting-newer"))
            manifest = project / "manifest.json"
            text = manifest.read_text(encoding="utf-8")
            newer = text.replace('"code": 2, "name": "1.0.1"', f'"code": 3, "name": "{NEWER}"')
            manifest.write_text(newer, encoding="utf-8")
            scratch = shared / "two-versions-scratch"
            shutil.copytree(released / "registry-greeting", scratch)
            publisher = Publisher(key=released / "publisher.key", database=vulnerability_db)
            publisher.release(project, scratch).ok()
            scratch.rename(folder)
    return folder


@pytest.fixture
def host(two_versions: Path, released: Path, tmp_path: Path) -> Host:
    return Host(two_versions, released / "policy-greeting" / "policy.toml", tmp_path)


@pytest.mark.parametrize("count", range(1, CHANGES_OF_A_FIRST_INSTALL + 1))
def test_a_first_installation_that_is_killed_leaves_nothing_or_all(host: Host, count: int) -> None:
    host.kill_install(VERSION, host.changes(count))

    versions = host.versions()
    if not versions:
        with pytest.raises(MinisealError) as error:
            host.verifier().load(APP)
        assert error.value.code == "not-installed"
    assert versions in ([], [VERSION])
    host.install(VERSION)
    assert host.versions() == [VERSION]


@pytest.mark.parametrize("count", range(1, CHANGES_OF_AN_UPDATE + 1))
def test_an_update_that_is_killed_leaves_the_old_version_or_the_new(host: Host, count: int) -> None:
    host.install(VERSION)

    host.kill_install(NEWER, host.changes(count))

    assert host.versions() in ([VERSION], [NEWER])
    host.install(NEWER)
    assert host.versions() == [NEWER]
