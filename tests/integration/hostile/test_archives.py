"""Archives that somebody else wrote, or damaged: what the commands of a host say."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.hostile import bounded, call_miniseal, listing
from kit.tars import END, block, member, pax, tar
from miniseal.registry import LayoutStore

APP = "com.example.greeting"
TAG = "1.0.1"

Files = dict[str, bytes]
Make = Callable[[Files], bytes]


@pytest.fixture
def files(released: Path) -> Files:
    """What is in the layout of a release."""
    folder = released / "registry-greeting"
    paths = [folder / "oci-layout", folder / "index.json", *sorted(folder.glob("blobs/sha256/*"))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def policy(released: Path) -> Path:
    return released / "policy-greeting" / "policy.toml"


@pytest.fixture
def wasm(released: Path) -> str:
    """Where the package's wasm is."""
    store = LayoutStore(released / "registry-greeting")
    manifest = json.loads(store.read(store.resolve(TAG), limit=10_000))
    digest: str = manifest["layers"][0]["digest"]
    return f"blobs/{digest.replace(':', '/')}"


def host(archive: Path, policy: Path) -> list[Run]:
    """What a host's commands make of an archive."""
    reference, state = f"oci-archive:{archive}:{TAG}", archive.parent / "state"
    return [
        call_miniseal("inspect", reference),
        call_miniseal("verify", reference, "--app", APP, "--policy", policy),
        call_miniseal("install", APP, reference, "--policy", policy, "--state", state),
        call_miniseal("discover", reference),
        call_miniseal("copy", reference, f"oci:{archive.parent / 'copy'}", "--progress", "none"),
    ]


@pytest.mark.parametrize(
    "form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["u", "gnu", "pax"]
)
def test_a_good_archive_of_any_writer_is_accepted(
    tmp_path: Path, files: Files, policy: Path, form: int
) -> None:
    archive = tmp_path / "in" / "a.tar"
    archive.parent.mkdir()
    archive.write_bytes(tar({"blobs/": b"", "blobs/sha256/": b"", **files}, form))

    for run in host(archive, policy):
        run.ok()


def without_end(files: Files) -> bytes:
    data = tar(files).rstrip(b"\0")
    return data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda _: b"", "tar-malformed", id="empty"),
        pytest.param(lambda f: tar(f)[: len(tar(f)) // 2], "tar-malformed", id="half"),
        pytest.param(without_end, "tar-malformed", id="no-end"),
        pytest.param(lambda f: gzip.compress(tar(f), mtime=0), "tar-compressed", id="gzip"),
        pytest.param(
            lambda f: without_end(f) + block(b"x", size_field=b"\xff" * 12) + END,
            "tar-malformed",
            id="size-of-an-exabyte",
        ),
        pytest.param(
            lambda f: (
                without_end({k: v for k, v in f.items() if k != "index.json"})
                + member(b"index.json", kind=b"2", link=b"/etc/passwd")
                + END
            ),
            "tar-refused",
            id="index-is-a-link-elsewhere",
        ),
        pytest.param(
            lambda f: without_end(f) + member(b"x", kind=b"1", link=b"index.json") + END,
            "tar-refused",
            id="hard-link",
        ),
        pytest.param(
            lambda f: without_end(f) + member(b"../../escaped", b"x") + END,
            "tar-refused",
            id="path-that-leads-out",
        ),
        pytest.param(
            lambda f: without_end(f) + member(b"/tmp/escaped", b"x") + END,
            "tar-refused",
            id="path-from-the-root",
        ),
        pytest.param(
            lambda f: without_end(f) + member(b"index.json", f["index.json"]) + END,
            "tar-refused",
            id="second-index",
        ),
        pytest.param(
            lambda f: without_end(f) + pax({"path": "index.json"}) + member(b"x", b"{}") + END,
            "tar-refused",
            id="second-index-by-pax",
        ),
        pytest.param(
            lambda f: without_end(f) + member(b"x", b"x", b"S") + END, "tar-refused", id="sparse"
        ),
        pytest.param(
            lambda f: tar(f) + tar({"index.json": b"{}"}), "tar-refused", id="two-archives-in-one"
        ),
        pytest.param(
            lambda f: without_end(f) + pax({"path": "x"}, b"g") + member(b"y") + END,
            "tar-refused",
            id="one-name-for-all",
        ),
        pytest.param(
            lambda f: without_end(f) + pax(b"9" * 1_100_000) + member(b"y") + END,
            "too-large",
            id="huge-extension",
        ),
        pytest.param(
            lambda f: tar({**f, "index.json": b"[" * 100_000}), "layout-malformed", id="deep-index"
        ),
        pytest.param(
            lambda f: tar({**f, "index.json": b" " * (4 * 1024 * 1024 + 1)}),
            "layout-malformed",
            id="huge-index",
        ),
        pytest.param(lambda _: tar({"app.wasm": b"\0asm"}), "layout-malformed", id="no-layout"),
    ],
)
def test_a_hostile_archive_is_refused_and_nothing_comes_of_it(
    tmp_path: Path, files: Files, policy: Path, make: Make, code: str
) -> None:
    archive = tmp_path / "in" / "a.tar"
    archive.parent.mkdir()
    archive.write_bytes(make(files))
    before = listing(tmp_path)

    with bounded(20):
        runs = host(archive, policy)
    for run in runs:
        run.refused(code)
    after = listing(tmp_path)
    assert {name: after[name] for name in before} == before
    assert not list(tmp_path.rglob("state/blobs/sha256/*"))
    assert not list(tmp_path.rglob("state/records/*"))
    assert not list(tmp_path.rglob("copy/blobs/sha256/*"))


def test_a_changed_wasm_is_never_accepted(
    tmp_path: Path, files: Files, policy: Path, wasm: str
) -> None:
    archive = tmp_path / "in" / "a.tar"
    archive.parent.mkdir()
    changed = bytearray(files[wasm])
    changed[20] ^= 1
    archive.write_bytes(tar({**files, wasm: bytes(changed)}))

    _, verified, installed, _, copied = host(archive, policy)
    for run in (verified, installed, copied):
        run.refused("digest-mismatch")
    assert not list(tmp_path.rglob(Path(wasm).name))


def test_an_archive_without_its_evidence_is_refused(
    tmp_path: Path, policy: Path, released: Path
) -> None:
    archive = tmp_path / "in" / "a.tar"
    reference = f"oci:{released / 'registry-greeting'}:{TAG}"
    call_miniseal(
        *("copy", reference, f"oci-archive:{archive}", "--no-referrers", "--progress", "none")
    ).ok()

    _, verified, installed, *_ = host(archive, policy)
    verified.refused("attestation-missing")
    installed.refused("attestation-missing")
