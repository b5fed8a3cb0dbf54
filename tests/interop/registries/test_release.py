"""A release into a registry, and from there to a host's memory."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kit.commands import Run
from kit.exchange import TYPES, Published
from kit.layouts import tags
from kit.registry_contents import publish
from kit.registry_hosts import Host
from miniseal.registry.remote import RegistryStore

APP = "com.example.tip"
Command = Callable[..., Run]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables for releases that share their steps' results: of interest is where they go."""
    return {"MINISEAL_STEP_CACHE": str(tmp_path_factory.mktemp("steps"))}


@pytest.fixture
def reference(host: Host, repository: str) -> str:
    return f"{host.address}/{repository}"


@pytest.fixture
def release(
    command: Command,
    reference: str,
    examples: Path,
    released: Path,
    vulnerability_db: Path,
    cache: Mapping[str, str],
) -> Callable[[], Run]:
    """Releases the example `tip` into the registry."""
    words = (
        *("release", examples / "tip", "--to", reference, "--key", released / "publisher.key"),
        *("--vulnerability-db", vulnerability_db),
    )
    return lambda: command(*words, env=cache)


def test_from_a_release_to_a_host(
    release: Callable[[], Run],
    command: Command,
    store: RegistryStore,
    reference: str,
    tip: Published,
    tmp_path: Path,
) -> None:
    policy = ("--policy", tip.policy / "policy.toml")
    state, wasm = ("--state", tmp_path / "state"), tmp_path / "app.wasm"

    release().ok()
    installed = command("install", APP, f"{reference}:{tip.tag}", *policy, *state).ok()
    command("load", APP, *policy, *state, "--wasm", wasm).ok()

    assert {name: each.digest for name, each in store.tags().items()} == tags(tip.layout)
    assert len(store.referrers(store.resolve(tip.tag))) >= len(TYPES)
    assert tip.digest in str(installed)
    assert hashlib.sha256(wasm.read_bytes()).hexdigest() in tip.manifest.decode()


@pytest.mark.parametrize("host", ["olareg", "distribution"], indirect=True)
def test_the_same_release_again_attaches_nothing(
    release: Callable[[], Run], store: RegistryStore
) -> None:
    release().ok()
    before = {tag: store.referrers(found) for tag, found in store.tags().items()}

    release().ok()

    assert {tag: store.referrers(found) for tag, found in store.tags().items()} == before


@pytest.mark.parametrize("host", ["nginx"], indirect=True)
def test_another_build_of_a_version_is_refused(
    release: Callable[[], Run], store: RegistryStore, tip: Published
) -> None:
    other = publish(store, "another", tip.tag)

    release().refused("tag-exists", exit_code=2)

    assert store.resolve(tip.tag).digest == other.digest


@pytest.mark.parametrize("host", ["tokens"], indirect=True)
def test_a_registry_that_does_not_know_us_is_said_to_want_a_login(
    command: Command, reference: str, tip: Published, tmp_path: Path
) -> None:
    words = ("verify", f"{reference}:{tip.tag}", "--app", APP)
    policy = ("--policy", tip.policy / "policy.toml")

    command(*words, *policy, env={"DOCKER_CONFIG": str(tmp_path)}).refused(
        "auth-required", exit_code=2
    )
