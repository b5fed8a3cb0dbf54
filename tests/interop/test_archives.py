"""Archives of ours in the hands of skopeo, regctl and oras, and theirs in ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kit.registry_clients import Clients
from miniseal.formats.oci import Descriptor
from miniseal.registry import LayoutStore, Store
from miniseal.registry.archive import ArchiveStore
from miniseal.registry.copy import Root, copy

TAG = "1.2.0"
ACCEPT_ALL = '{"default":[{"type":"insecureAcceptAnything"}]}'

Write = Callable[[Clients, Path, Path], object]


@pytest.fixture
def source(released: Path) -> Path:
    return released / "registry-tip"


@pytest.fixture
def archive(source: Path, tmp_path: Path) -> Path:
    """The release in an archive of ours."""
    store, path = LayoutStore(source), tmp_path / "ours.tar"
    copy(store, ArchiveStore(path), [Root(descriptor=store.resolve(TAG), tags=(TAG,))])
    return path


def content(store: Store) -> tuple[Descriptor, set[str]]:
    """What the tag names, and the digests of what refers to it."""
    found = store.resolve(TAG)
    return found, {each.digest for each in store.referrers(found)}


def skopeo(clients: Clients, folder: Path, source: str, target: str) -> None:
    policy = folder / "policy.json"
    policy.write_text(ACCEPT_ALL)
    clients.skopeo("--policy", policy, "copy", source, target).ok()


def test_skopeo_reads_ours(clients: Clients, archive: Path, tmp_path: Path) -> None:
    skopeo(clients, tmp_path, f"oci-archive:{archive}:{TAG}", f"oci:{tmp_path / 'out'}:{TAG}")

    # of referrers skopeo knows nothing
    found, _ = content(ArchiveStore(archive))
    assert LayoutStore(tmp_path / "out").resolve(TAG).digest == found.digest


def test_regctl_reads_ours(clients: Clients, archive: Path, tmp_path: Path) -> None:
    clients.regctl("image", "import", f"ocidir://{tmp_path / 'out'}:{TAG}", archive).ok()

    found, _ = content(ArchiveStore(archive))
    assert LayoutStore(tmp_path / "out").resolve(TAG).digest == found.digest


def test_oras_reads_ours_with_its_referrers(
    clients: Clients, archive: Path, tmp_path: Path
) -> None:
    found, referrers = content(ArchiveStore(archive))

    shown = clients.oras("discover", "--oci-layout", f"{archive}:{TAG}").ok()
    clients.oras(
        *("copy", "-r", "--from-oci-layout", f"{archive}:{TAG}"),
        *("--to-oci-layout", f"{tmp_path / 'out'}:{TAG}"),
    ).ok()
    assert all(digest in shown for digest in referrers)
    copied, copied_referrers = content(LayoutStore(tmp_path / "out"))
    assert copied.digest == found.digest
    assert copied_referrers == referrers


def by_skopeo(clients: Clients, source: Path, target: Path) -> None:
    skopeo(clients, target.parent, f"oci:{source}:{TAG}", f"oci-archive:{target}:{TAG}")


def by_regctl(clients: Clients, source: Path, target: Path) -> None:
    clients.regctl("image", "export", f"ocidir://{source}:{TAG}", target).ok()


@pytest.mark.parametrize("write", [by_skopeo, by_regctl], ids=["skopeo", "regctl"])
def test_we_read_theirs_and_add_the_evidence(
    clients: Clients, source: Path, tmp_path: Path, write: Write
) -> None:
    archive = tmp_path / "theirs.tar"
    store, theirs = LayoutStore(source), ArchiveStore(archive)
    found, referrers = content(store)

    write(clients, source, archive)
    digest = theirs.resolve(found.digest)
    assert digest.digest == found.digest
    copy(store, theirs, [Root(descriptor=found, tags=("with-evidence",))])
    again = ArchiveStore(archive)
    assert {each.digest for each in again.referrers(found)} == referrers
    assert again.resolve("with-evidence").digest == found.digest
