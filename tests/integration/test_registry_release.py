"""From source to a host's memory through a registry, with the referrers API and without it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.sigstore import PrivateSigstore

Miniseal = Callable[..., Run]


@pytest.fixture(params=["api", "fallback-tag"])
def repository(request: pytest.FixtureRequest, sigstore: PrivateSigstore, tmp_path: Path) -> str:
    """A repository of its own in a registry of each kind."""
    host = sigstore.registry if request.param == "api" else sigstore.old_registry
    return f"{host}/acme/{tmp_path.name.replace('_', '-').lower().rstrip('-')}"


def test_a_release_is_verified_installed_and_loaded(
    repository: str,
    sigstore: PrivateSigstore,
    miniseal: Miniseal,
    project: Callable[[str], Path],
    key: Path,
    vulnerability_db: Path,
    tmp_path: Path,
) -> None:
    source, policy = project("tip"), tmp_path / "policy" / "policy.toml"
    manifest = json.loads((source / "manifest.json").read_text())
    app_id, name = manifest["app_id"], manifest["version"]["name"]
    reference, state = f"{repository}:{name}", tmp_path / "state"
    release = ("release", source, "--to", repository, "--key", key)
    database = ("--vulnerability-db", vulnerability_db)
    miniseal("policy", "init", source, "--key", f"{key}.pub", "-o", policy).ok()

    with sigstore.inside():
        released = miniseal(*release, *database).ok()
        verified = miniseal("verify", reference, "--app", app_id, "--policy", policy).ok()
        held = ("--policy", policy, "--state", state)
        installed = miniseal("install", app_id, reference, *held).ok()
        again = miniseal(*release, *database)
        scanned = miniseal("rescan", repository, "--policy", policy, "--key", key, *database)
    loaded = miniseal("load", app_id, *held).ok()

    assert verified["package"] == installed["package"]
    assert installed["package"]["digest"] == released["package"]
    assert loaded["app_id"] == app_id
    assert again.ok()["unchanged"] is True
    assert [row["status"] for row in scanned.ok()["packages"]] == ["good"]


def test_a_published_version_does_not_change(
    sigstore: PrivateSigstore,
    miniseal: Miniseal,
    project: Callable[[str], Path],
    key: Path,
    vulnerability_db: Path,
) -> None:
    source = project("tip")
    release = ("release", source, "--to", f"{sigstore.registry}/acme/once", "--key", key)
    with sigstore.inside():
        miniseal(*release, "--vulnerability-db", vulnerability_db).ok()
        (source / "assets" / "more.json").write_text("{}")
        again = miniseal(*release, "--vulnerability-db", vulnerability_db)

    again.refused("tag-exists", 2)
