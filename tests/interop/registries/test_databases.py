"""A vulnerability database of one's own goes into a registry, and from there into a release."""

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.registry_hosts import Host
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.cli.workshop import tool_cache
from miniseal.formats.oci import Manifest
from miniseal.registry import LayoutStore
from miniseal.registry.remote import RegistryStore

Command = Callable[..., Run]


@pytest.fixture
def made(command: Command, host: Host, repository: str, tmp_path: Path) -> dict[str, str]:
    """What `advisories build` says of the database that it pushed."""
    folder = tmp_path / "advisories"
    folder.mkdir()
    for name, advisory in ADVISORIES.items():
        (folder / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
    to = f"{host.address}/{repository}"
    result: dict[str, str] = command("advisories", "build", folder, "--to", to).ok()
    return result


def checked(run: Run) -> str:
    """What `doctor` says of the database."""
    (row,) = [each for each in run.document["result"]["checks"] if each["name"] == "database"]
    assert row["ok"], row
    return str(row["found"])


def test_a_database_is_pushed_fetched_by_its_digest_and_kept(
    command: Command, store: RegistryStore, made: dict[str, str], tmp_path: Path
) -> None:
    reference, cache = made["reference"], {"MINISEAL_CACHE": str(tmp_path / "cache")}
    place, _, digest = reference.partition("@")
    (layer,) = Manifest.from_bytes(store.read(store.resolve(digest), limit=10_000)).layers

    first = checked(command("doctor", "--vulnerability-db", f"{place}:2@{digest}", env=cache))
    store.delete(digest)
    again = checked(command("doctor", env={**cache, "MINISEAL_VULNERABILITY_DB": reference}))

    assert layer.media_type == "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
    assert made["digest"] in first
    assert made["digest"] in again
    assert str(tmp_path / "cache" / "databases" / digest.removeprefix("sha256:")) in again


@pytest.mark.parametrize("host", ["tokens"], indirect=True)
def test_a_release_is_scanned_with_it(
    command: Command, made: dict[str, str], examples: Path, released: Path, tmp_path: Path
) -> None:
    layout = f"oci:{tmp_path / 'layout'}"
    words = ("release", examples / "tip", "--to", layout, "--key", released / "publisher.key")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tools").symlink_to(tool_cache().folder)
    variables = {
        "MINISEAL_CACHE": str(tmp_path / "cache"),
        "MINISEAL_VULNERABILITY_DB": made["reference"],
    }
    stranger = {**variables, "DOCKER_CONFIG": str(tmp_path)}

    command(*words, env=stranger).refused("auth-required", exit_code=2)
    command(*words, env=variables).ok()
    command(*words, "--resign", env=stranger).ok()

    scans = LayoutStore(tmp_path / "layout")
    assert any(made["digest"].encode() in each for each in evidence(scans))


def evidence(store: LayoutStore) -> list[bytes]:
    """The statements about the package, as they were signed."""
    found = store.referrers(store.resolve("1.2.0"))
    manifests = [Manifest.from_bytes(store.read(each, limit=10_000)) for each in found]
    bundles = [json.loads(store.read(each.layers[0], limit=1_000_000)) for each in manifests]
    return [b64decode(each["dsseEnvelope"]["payload"]) for each in bundles]
