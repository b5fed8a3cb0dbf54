"""Credentials that `login` keeps open each registry that wants some, until `logout`."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from kit.commands import Run, run_miniseal
from kit.registry_contents import publish
from kit.registry_hosts import HOSTS, PASSWORD, USER, Host, Registries
from miniseal.registry.remote import RegistryStore

SECURE = [host.name for host in HOSTS.values() if host.secure]


@pytest.mark.parametrize("host", SECURE, indirect=True)
def test_from_login_to_logout(
    host: Host, store: RegistryStore, registries: Registries, tmp_path: Path
) -> None:
    publish(store, "one", "1.0.0")
    config = tmp_path / "config.json"
    variables = {**registries.variables(host), "DOCKER_CONFIG": str(tmp_path)}

    def run(*words: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Run:
        return run_miniseal(*words, env={**variables, **(env or {})}, stdin=stdin)

    discover = ("discover", host.reference(store.repository, "1.0.0"))
    login = ("login", host.address, "-u", USER, "--password-stdin")

    run(*discover).refused("auth-required", 2)
    run(*login, stdin=PASSWORD[1:]).refused("auth-refused", 2)
    assert not config.exists()
    run(*login, stdin=f"{PASSWORD}\n").ok()
    run(*discover).ok()
    kept = config.read_text()
    run("logout", host.address).ok()
    run(*discover).refused("auth-required", 2)
    run(*discover, env={"DOCKER_AUTH_CONFIG": kept}).ok()
    assert json.loads(config.read_text()) == {"auths": {}}
