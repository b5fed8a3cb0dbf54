"""What every test here has: a registry of each make, a repository in it, and its network."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.registry_hosts import HOSTS, Host, Registries
from miniseal.registry.remote import RegistryStore

Command = Callable[..., Run]


@pytest.fixture(params=HOSTS)
def host(request: Any) -> Host:
    """Each registry in turn; a test may ask for less with `indirect`."""
    return HOSTS[request.param]


@pytest.fixture(autouse=True)
def inside(registries: Registries) -> Iterator[None]:
    """The whole test is where the registries are."""
    with registries.inside():
        yield


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A name that no other test has."""
    return f"tests/{re.sub('[^a-z0-9]+', '-', tmp_path.name.lower()).strip('-')}"


@pytest.fixture
def store(registries: Registries, host: Host, repository: str) -> RegistryStore:
    """The repository, through our own client."""
    return RegistryStore(host.address, repository, access=registries.access(host))


@pytest.fixture
def command(registries: Registries, host: Host) -> Command:
    """Runs the command line, which knows how to reach the registry."""

    def run(*words: str | Path, env: Mapping[str, str] | None = None) -> Run:
        return run_miniseal(*words, env={**registries.variables(host), **(env or {})})

    return run
