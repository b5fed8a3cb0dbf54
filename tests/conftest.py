"""Fixtures for every suite. Heavy ones are made once per machine and shared by the workers."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from kit.act import Act
from kit.commands import Run, run_miniseal
from kit.cosign import Cosign
from kit.dagger import BaseImage, DaggerEngineProcess, DaggerTools
from kit.registries import Registry
from kit.registry_clients import Clients
from kit.registry_hosts import Registries
from kit.sigstore import PrivateSigstore
from kit.sigstorejs import SigstoreJs
from services import cache, image, node, programs, unpacked
from services import wheels as wheel_house

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def examples() -> Path:
    return ROOT / "examples"


@pytest.fixture(scope="session")
def vulnerability_db(shared: Path) -> Path:
    """A vulnerability database of today, with the demo's advisories."""
    from miniseal.cli.demo.advisories import ADVISORIES  # not for unit tests
    from miniseal.pipeline.trivy.database import build

    folder = shared / "vulnerability-db"
    with FileLock(shared / "vulnerability-db.lock"):
        if not folder.is_dir():
            advisories = shared / "advisories"
            advisories.mkdir()
            for name, advisory in ADVISORIES.items():
                (advisories / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
            build(advisories, folder, updated=int(time.time()))
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A publisher's private key; its public one is beside it."""
    from miniseal.attestations import generate_key

    path = tmp_path / "keys" / "publisher.key"
    path.parent.mkdir()
    generate_key(path)
    return path


@pytest.fixture(scope="session")
def miniseal() -> Callable[..., Run]:
    """Runs the command line as a process of its own: `miniseal("verify", ...)`."""
    return run_miniseal


@pytest.fixture
def project(tmp_path: Path, examples: Path) -> Callable[[str], Path]:
    """A copy of an example that a test may change: `project("tip")`."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(examples / name, tmp_path / f"project-{name}"))

    return copy


@pytest.fixture(scope="session")
def released(shared: Path, examples: Path, vulnerability_db: Path) -> Path:
    """Every example, released once: `registry-NAME` layouts, `publisher.key`, `policy-NAME`."""
    folder = shared / "released"
    with FileLock(shared / "released.lock"):
        if not folder.is_dir():
            scratch = shared / "released-scratch"
            scratch.mkdir()
            run_miniseal("keys", "generate", scratch / "publisher.key").ok()
            for name in ("tip", "loan", "greeting", "valuta"):
                run_miniseal(
                    *("release", examples / name, "--to", f"oci:{scratch / f'registry-{name}'}"),
                    *("--key", scratch / "publisher.key"),
                    *("--vulnerability-db", vulnerability_db),
                ).ok()
                run_miniseal(
                    *("policy", "init", examples / name, "--key", scratch / "publisher.key.pub"),
                    *("-o", scratch / f"policy-{name}" / "policy.toml"),
                ).ok()
            scratch.rename(folder)
    return folder


@pytest.fixture(scope="session")
def dagger_tools() -> DaggerTools:
    """The Dagger engine's programs, for tests that start and kill engines of their own."""
    return DaggerTools(folder=_service(programs.DAGGER.entry()), version=programs.DAGGER_VERSION)


@pytest.fixture(scope="session")
def base_image() -> BaseImage:
    """A small Debian for containers: `sh`, `python3`, and the libraries of Node."""
    folder = _service(image.entry())
    return BaseImage(archive=folder / image.ARCHIVE, digest=(folder / image.DIGEST).read_text())


@pytest.fixture(scope="session")
def dagger_engine(dagger_tools: DaggerTools) -> Iterator[DaggerEngineProcess]:
    """An engine that runs, without a way out of its network: put its `env()` into the client's.

    Each worker that needs one has its own, from its first test that does to its end: one of all
    workers would have to outlive the worker that started it.
    """
    with DaggerEngineProcess(dagger_tools) as engine:
        yield engine


@pytest.fixture(scope="session")
def sigstore() -> Iterator[PrivateSigstore]:
    """A private Sigstore: `with sigstore.inside(): ...` reaches it, `sigstore.token("github")`.

    Each worker that needs one has its own.
    """
    with PrivateSigstore(_service(programs.SIGSTORE.entry())) as stack:
        yield stack


@pytest.fixture(scope="session")
def cosign(sigstore: PrivateSigstore) -> Cosign:
    """Runs cosign inside the private Sigstore: `cosign("tree", ...).ok()`."""
    return Cosign(_service(programs.SIGSTORE.entry()) / "cosign", sigstore)


@pytest.fixture(scope="session")
def act(sigstore: PrivateSigstore, tmp_path_factory: pytest.TempPathFactory) -> Act:
    """Runs GitHub workflows inside the private Sigstore: `act.run(repository, "ci.yml").ok("a")`.

    Jobs have the tools that are fetched already, and no way to fetch others.
    """
    from miniseal.cli.workshop import tool_cache  # not for unit tests

    folder = tmp_path_factory.mktemp("act")
    (folder / "cache").mkdir()
    (folder / "cache" / "tools").symlink_to(tool_cache().folder)
    environ = {"MINISEAL_CACHE": str(folder / "cache"), "MINISEAL_STEP_CACHE": "off"}
    program = _service(programs.ACT.entry()) / "act"
    return Act(program=program, sigstore=sigstore, folder=folder, environ=environ)


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The folder with the wheels that a job of a release installs."""
    return _service(wheel_house.entry())


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """Checks workflows."""
    return _service(programs.ACTIONLINT.entry()) / "actionlint"


@pytest.fixture(scope="session")
def sigstore_js(sigstore: PrivateSigstore) -> SigstoreJs:
    """Signs and verifies with sigstore-js, inside the private Sigstore."""
    return SigstoreJs(node.node(), _service(node.entry()), sigstore)


@pytest.fixture(scope="session")
def registry(sigstore: PrivateSigstore) -> Registry:
    """The registry inside the private Sigstore; layouts are copied to it and back."""
    return Registry(sigstore, sigstore.registry)


@pytest.fixture(scope="session")
def old_registry(sigstore: PrivateSigstore) -> Registry:
    """As `registry`, without the referrers API."""
    return Registry(sigstore, sigstore.old_registry)


@pytest.fixture(scope="session")
def registries() -> Iterator[Registries]:
    """Registries of several makes: `with registries.inside(): ...` reaches them.

    Each worker that needs them has its own.
    """
    built, debian = _service(programs.REGISTRIES.entry()), _service(unpacked.entry())
    with Registries(built, debian) as services:
        yield services


@pytest.fixture(scope="session")
def image_spec() -> Path:
    """The folder with the JSON schemas of image-spec."""
    return _service(programs.REGISTRIES.entry())


@pytest.fixture(scope="session")
def clients(registries: Registries) -> Clients:
    """Runs other clients of registries, inside: `clients.oras("pull", ...).ok()`."""
    return Clients(registries, _service(programs.SIGSTORE.entry()))


def _service(folder: Path) -> Path:
    """What `make services` builds; waits for a build that is under way."""
    if not folder.is_dir():
        with cache.building():
            pass
    assert folder.is_dir(), f"{folder} is not there: run `make services`"
    return folder


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say loudly what this machine lacks, before the first test."""
    del session
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ["MINISEAL_STEP_CACHE"] = "off"  # a test that wants one names its own
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        os.environ.pop(name, None)  # what runs the tests is not what they test
    missing = [tool for tool in ("git", "trivy", "unshare") if shutil.which(tool) is None]
    if missing:
        pytest.exit(f"the tests need {', '.join(missing)} on PATH: run `make test`", returncode=2)
