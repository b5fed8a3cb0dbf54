"""Other clients list, pull and copy what we push: the same digests, and every referrer."""

import hashlib
import json
from pathlib import Path

import pytest

from kit.exchange import TYPES, Published
from kit.layouts import blob, tags
from kit.registry_clients import Clients
from kit.registry_hosts import Host, Registries
from miniseal.registry import LayoutStore
from miniseal.registry.copy import Root, copy
from miniseal.registry.referrers import is_fallback_tag
from miniseal.registry.remote import RegistryStore

PUSHED = "tests/pushed"
WITHOUT_LOG = "--insecure-ignore-tlog"


@pytest.fixture
def repository() -> str:
    """One for all tests: none of them changes it."""
    return PUSHED


@pytest.fixture
def pushed(tip: Published, store: RegistryStore) -> RegistryStore:
    """The repository with the whole release, which is copied once."""
    layout = LayoutStore(tip.layout)
    roots = [Root(descriptor=found, tags=(tag,)) for tag, found in layout.tags().items()]
    copy(layout, store, roots)
    return store


def attached(layout: Path, digest: str) -> set[str]:
    """The digests of a manifest's referrers in a layout."""
    store = LayoutStore(layout)
    return {each.digest for each in store.referrers(store.resolve(digest))}


def test_they_list_the_tags(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients
) -> None:
    where = f"{host.address}/{pushed.repository}"

    found = {
        "oras": clients.oras("repo", "tags", where).ok().split(),
        "regctl": clients.regctl("tag", "ls", where).ok().split(),
        "crane": clients.crane("ls", where).ok().split(),
        "skopeo": json.loads(clients.skopeo("list-tags", f"docker://{where}").ok())["Tags"],
    }

    for client, names in found.items():
        own = {name for name in names if not is_fallback_tag(name)}
        assert own == tags(tip.layout).keys(), client


def test_they_find_the_digest(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients
) -> None:
    for tag, digest in tags(tip.layout).items():
        reference = host.reference(pushed.repository, tag)

        assert clients.oras("resolve", reference).ok().strip() == digest
        assert clients.regctl("manifest", "head", reference).ok().strip() == digest
        assert clients.crane("digest", reference).ok().strip() == digest
        raw = clients.skopeo("inspect", "--raw", f"docker://{reference}").ok()
        assert f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}" == digest


def test_they_find_what_is_attached(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients
) -> None:
    for tag, digest in tags(tip.layout).items():
        reference = host.reference(pushed.repository, tag)
        wanted = attached(tip.layout, digest)
        assert wanted

        oras = json.loads(clients.oras("discover", "--format", "json", reference).ok())
        regctl = json.loads(
            clients.regctl("artifact", "list", "--format", "{{json .}}", reference).ok()
        )
        cosign = clients.cosign("tree", reference).ok()

        assert {each["digest"] for each in oras["manifests"]} == wanted
        assert {each["digest"] for each in regctl["descriptors"]} == wanted
        assert all(each in cosign for each in wanted)


def test_they_pull(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients, tmp_path: Path
) -> None:
    reference = host.reference(pushed.repository, tip.tag)
    wasm = host.reference(pushed.repository, f"{tip.tag}-wasm")
    (layer,) = json.loads(blob(tip.layout, tags(tip.layout)[f"{tip.tag}-wasm"]))["layers"]

    clients.oras("pull", "-o", tmp_path / "oras", wasm).ok()
    clients.crane("pull", "--format=oci", reference, tmp_path / "crane").ok()
    fetched = clients.regctl("manifest", "get", "--format", "raw-body", reference).ok()

    (file,) = (tmp_path / "oras").iterdir()
    assert file.read_bytes() == blob(tip.layout, layer["digest"])
    assert fetched.encode() == tip.manifest
    index = json.loads((tmp_path / "crane" / "index.json").read_bytes())
    assert [each["digest"] for each in index["manifests"]] == [tip.digest]
    assert blob(tmp_path / "crane", tip.digest) == tip.manifest


def test_they_copy_into_layouts(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients, tmp_path: Path
) -> None:
    reference = host.reference(pushed.repository, tip.tag)
    wanted = attached(tip.layout, tip.digest)
    oras, regctl, skopeo = (tmp_path / name for name in ("oras", "regctl", "skopeo"))

    clients.oras("cp", "-r", "--to-oci-layout", reference, f"{oras}:{tip.tag}").ok()
    clients.regctl("image", "copy", "--referrers", reference, f"ocidir://{regctl}:{tip.tag}").ok()
    clients.skopeo("copy", f"docker://{reference}", f"oci:{skopeo}:{tip.tag}").ok()

    for layout in (oras, regctl, skopeo):
        assert tags(layout)[tip.tag] == tip.digest
        assert blob(layout, tip.digest) == tip.manifest
    assert attached(regctl, tip.digest) == wanted
    # as bare entries of index.json, which nothing ties to their subject
    assert wanted <= {each["digest"] for each in entries(oras)}
    LayoutStore(oras).repair()
    assert attached(oras, tip.digest) == wanted


def test_they_copy_within_the_registry(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients, registries: Registries
) -> None:
    reference = host.reference(pushed.repository, tip.tag)
    wanted = attached(tip.layout, tip.digest)
    found: dict[str, set[str]] = {}
    for name, words in {
        "oras": ("cp", "-r", "--concurrency", "1"),
        "regctl": ("image", "copy", "--referrers"),
        "crane": ("cp",),
        "cosign": ("copy",),
    }.items():
        there = f"{PUSHED}-{name}"
        client = getattr(clients, name)
        client(*words, reference, host.reference(there, tip.tag)).ok()
        copied = RegistryStore(host.address, there, access=registries.access(host))
        package = copied.resolve(tip.tag)
        assert package.digest == tip.digest, name
        found[name] = {each.digest for each in copied.referrers(package)}

    assert found["oras"] == wanted
    assert found["regctl"] == wanted
    # which is why there is `miniseal copy`
    assert found["crane"] == set()
    assert found["cosign"] == set()


def test_cosign_verifies(
    pushed: RegistryStore, tip: Published, host: Host, clients: Clients, released: Path
) -> None:
    for name in (tip.tag, tip.digest):
        words = ("--key", released / "publisher.key.pub", WITHOUT_LOG)
        reference = host.reference(pushed.repository, name)

        said = clients.cosign(
            "verify-attestation", *words, "--type", TYPES["provenance"], reference
        ).ok()

        payloads = {json.loads(line)["payload"] for line in said.splitlines()}
        expected = tip.said(TYPES["provenance"])
        assert payloads == {each.bundle["dsseEnvelope"]["payload"] for each in expected}


def entries(layout: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((layout / "index.json").read_bytes())["manifests"]
    return found
