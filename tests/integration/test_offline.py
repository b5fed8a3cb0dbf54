"""Without a network everything works once the tools are fetched.

Each command runs in a network namespace of its own, in which there is no interface that is up.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run, run_miniseal
from kit.layouts import tags
from kit.publishing import Publisher

APPS = {
    "greeting": ("com.example.greeting", "1.0.1"),
    "loan": ("com.example.loan", "0.3.0-beta.1"),
    "tip": ("com.example.tip", "1.2.0"),
}
CONNECT = """
import socket
for address in ("127.0.0.1", "192.0.2.1"):
    try:
        socket.create_connection((address, 9), timeout=5)
    except OSError as error:
        print(error.strerror)
"""

Offline = Callable[..., Run]


@pytest.fixture(scope="module")
def alone() -> tuple[str, ...]:
    """Goes before a command: a network namespace without interfaces, for the same user."""
    return ("unshare", *(() if os.geteuid() == 0 else ("--map-current-user",)), "--net")


@pytest.fixture
def offline(alone: tuple[str, ...]) -> Offline:
    """Runs the command line there."""

    def run(*words: str | Path) -> Run:
        return run_miniseal(*words, prefix=alone)

    return run


def test_there_is_no_network(alone: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*alone, sys.executable, "-c", CONNECT], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["Network is unreachable"] * 2


@pytest.mark.parametrize("name", APPS)
def test_every_example_builds_the_same(
    offline: Offline, released: Path, examples: Path, tmp_path: Path, name: str
) -> None:
    built = offline("build", examples / name, "-o", f"oci:{tmp_path / 'registry'}").ok()

    assert built["package"] == tags(released / f"registry-{name}")[APPS[name][1]]


@pytest.mark.parametrize("name", ["greeting", "tip"])
def test_a_program_is_released_verified_installed_and_loaded(
    offline: Offline,
    alone: tuple[str, ...],
    released: Path,
    examples: Path,
    vulnerability_db: Path,
    tmp_path: Path,
    name: str,
) -> None:
    (app_id, version), layout = APPS[name], tmp_path / "registry"
    publisher = Publisher(key=released / "publisher.key", database=vulnerability_db)
    policy = released / f"policy-{name}" / "policy.toml"
    host = ("--policy", policy, "--state", tmp_path / "state")

    made = publisher.release(examples / name, layout, prefix=alone).ok()
    verdict = offline("verify", f"oci:{layout}:{version}", "--app", app_id, "--policy", policy).ok()
    installed = offline("install", app_id, f"oci:{layout}:{version}", *host).ok()
    readmitted = offline("readmit", app_id, *host).ok()
    loaded = offline("load", app_id, *host).ok()

    assert made["unchanged"] is False
    found = {each["package"]["digest"] for each in (verdict, installed, readmitted)}
    assert found == {made["package"]}
    assert loaded["wasm"]["size"] > 0
