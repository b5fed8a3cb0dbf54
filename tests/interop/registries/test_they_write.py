"""We read what other clients push and attach."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.exchange import Published, bare
from kit.layouts import tags
from kit.registry_clients import Clients
from kit.registry_contents import content, publish
from kit.registry_hosts import Host
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_LIMIT
from miniseal.registry import LayoutStore
from miniseal.registry.copy import Root, copy
from miniseal.registry.remote import RegistryStore

Command = Callable[..., Run]
WASM = b"\0asm\1\0\0\0"
KIND = "application/vnd.example.note"


@pytest.fixture
def reference(host: Host, repository: str) -> str:
    return host.reference(repository, "1.0.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With two files, one to push and one to attach."""
    (tmp_path / "app.wasm").write_bytes(WASM)
    (tmp_path / "note.txt").write_bytes(b"a note")
    return tmp_path


def by_oras(clients: Clients, reference: str, folder: Path) -> None:
    words = ("--artifact-type", KIND, "note.txt:text/plain")
    clients.oras("push", reference, "app.wasm:application/wasm", cwd=folder).ok()
    clients.oras("attach", reference, *words, cwd=folder).ok()


def by_regctl(clients: Clients, reference: str, folder: Path) -> None:
    wasm = ("--artifact-type", "application/wasm", "-m", "application/wasm", "-f", "app.wasm")
    note = ("--artifact-type", KIND, "-m", "text/plain", "-f", "note.txt")
    clients.regctl("artifact", "put", *wasm, reference, cwd=folder).ok()
    clients.regctl("artifact", "put", *note, "--subject", reference, cwd=folder).ok()


@pytest.mark.parametrize("pushed", [by_oras, by_regctl])
def test_a_file_and_what_is_attached_to_it(
    pushed: Callable[[Clients, str, Path], None],
    store: RegistryStore,
    reference: str,
    clients: Clients,
    folder: Path,
) -> None:
    pushed(clients, reference, folder)

    package = store.resolve("1.0.0")
    (note,) = store.referrers(package)

    assert store.tags().keys() == {"1.0.0"}
    assert clients.crane("digest", reference).ok().strip() == package.digest
    assert WASM in content(store, package.digest).values()
    assert b"a note" in content(store, note.digest).values()
    assert json.loads(store.read(note, limit=MANIFEST_LIMIT))["artifactType"] == KIND


@pytest.mark.parametrize("host", ["olareg", "distribution"], indirect=True)
def test_an_index_that_is_attached_and_calls_itself_evidence(
    command: Command,
    store: RegistryStore,
    host: Host,
    tip: Published,
    clients: Clients,
) -> None:
    source = LayoutStore(tip.layout)
    package = source.resolve(tip.tag)
    copy(source, store, [Root(descriptor=package, tags=(tip.tag,))])
    reference = host.reference(store.repository, tip.tag)
    bundle = source.referrers(package)[0].artifact_type or ""

    clients.regctl(
        *("index", "create", "--by-digest", "--subject", tip.tag, "--ref", reference),
        *("--artifact-type", bundle, reference),
    ).ok()

    found = store.referrers(package)
    assert [each.artifact_type for each in found if each.media_type == INDEX_TYPE] == [bundle]
    assert len(found) == len(source.referrers(package)) + 1
    words = ("--app", "com.example.tip", "--policy", tip.policy / "policy.toml")
    command("verify", reference, *words).ok()


class TestLayouts:
    """The package as it was released, without evidence, from a layout."""

    def test_crane(
        self, store: RegistryStore, tip: Published, reference: str, clients: Clients, folder: Path
    ) -> None:
        layout = folder / "layout"
        source = LayoutStore(tip.layout)
        copy(
            source, LayoutStore(layout), [Root(descriptor=source.resolve(tip.tag))], referrers=False
        )

        clients.crane("push", layout, reference).ok()

        self.is_the_package(store, tip)

    def test_skopeo(
        self, store: RegistryStore, tip: Published, reference: str, clients: Clients, folder: Path
    ) -> None:
        layout = bare(tip, folder / "layout")

        clients.skopeo("copy", f"oci:{layout}:{tip.tag}", f"docker://{reference}").ok()

        self.is_the_package(store, tip)

    def test_oras(
        self, store: RegistryStore, tip: Published, reference: str, clients: Clients, folder: Path
    ) -> None:
        layout = bare(tip, folder / "layout")

        clients.oras("cp", "--from-oci-layout", f"{layout}:{tip.tag}", reference).ok()

        self.is_the_package(store, tip)

    def test_regctl_with_evidence(
        self, store: RegistryStore, tip: Published, reference: str, clients: Clients
    ) -> None:
        layout = LayoutStore(tip.layout)
        wanted = layout.referrers(layout.resolve(tip.tag))

        source = f"ocidir://{tip.layout}:{tip.tag}"
        clients.regctl("image", "copy", "--referrers", source, reference).ok()

        self.is_the_package(store, tip)
        found = store.referrers(store.resolve("1.0.0"))
        assert {each.digest for each in found} == {each.digest for each in wanted}

    @staticmethod
    def is_the_package(store: RegistryStore, tip: Published) -> None:
        assert store.resolve("1.0.0").digest == tags(tip.layout)[tip.tag]
        assert len(content(store, tip.digest)) >= 3


def test_an_attestation_of_cosign(
    store: RegistryStore, host: Host, clients: Clients, folder: Path
) -> None:
    package = publish(store, "one", "1.0.0")
    reference = host.reference(store.repository, package.digest)
    nowhere, nobody = folder / "signing.json", folder / "root.json"
    media_type = "application/vnd.dev.sigstore."
    nowhere.write_text(json.dumps({"mediaType": f"{media_type}signingconfig.v0.2+json"}))
    nobody.write_text(json.dumps({"mediaType": f"{media_type}trustedroot+json;version=0.1"}))
    (folder / "predicate.json").write_text("{}")
    clients.cosign("generate-key-pair", "--output-key-prefix", folder / "own").ok()

    clients.cosign(
        *("attest", "--key", folder / "own.key", "--signing-config", nowhere),
        *("--trusted-root", nobody, "--type", "https://example.com/note/v1"),
        *("--predicate", folder / "predicate.json", reference),
    ).ok()

    (bundle,) = store.referrers(package)
    assert bundle.artifact_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    words = ("--key", folder / "own.pub", "--insecure-ignore-tlog")
    clients.cosign(
        "verify-attestation", *words, "--type", "https://example.com/note/v1", reference
    ).ok()
