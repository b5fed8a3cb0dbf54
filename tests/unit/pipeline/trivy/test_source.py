import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from fuzz.damage import damaged
from fuzz.fuzz_scan import fuzz_layer
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor, Manifest
from miniseal.pipeline.trivy import artifact
from miniseal.pipeline.trivy.database import Database, build
from miniseal.pipeline.trivy.source import Artifact, Folder, parse
from miniseal.registry import LayoutStore

LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
ADVISORY = {
    "id": "EX-2026-1",
    "affected": [{"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1.0.0"]}],
}
NONE = "sha256:" + "0" * 64


@pytest.fixture
def database(tmp_path: Path) -> Database:
    (tmp_path / "advisories").mkdir()
    (tmp_path / "advisories" / "a.json").write_text(json.dumps(ADVISORY))
    return build(tmp_path / "advisories", tmp_path / "db", updated=1_790_000_000)


@pytest.fixture
def store(tmp_path: Path) -> LayoutStore:
    return LayoutStore(tmp_path / "layout")


@pytest.fixture
def reference(tmp_path: Path, store: LayoutStore, database: Database) -> str:
    """The database as an artifact, by digest."""
    return f"oci:{tmp_path / 'layout'}@{artifact.push(store, database).digest}"


def tarred(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def stored(store: LayoutStore, layer: bytes, media_type: str = LAYER, layers: int = 1) -> str:
    """A reference to an artifact with this layer."""
    manifest = Manifest(
        config=store.put(b"{}", "application/vnd.aquasec.trivy.config.v1+json"),
        layers=(store.put(layer, media_type),) * layers,
    )
    return f"oci:{store._path}@{store.put_manifest(manifest.to_bytes()).digest}"


def refused(text: str, cache: Path) -> str:
    with pytest.raises(MinisealError) as error:
        parse(text, cache=cache).open()
    return error.value.code


def test_a_folder_is_taken_as_it_is(database: Database, tmp_path: Path) -> None:
    assert parse(str(tmp_path / "db"), cache=tmp_path / "cache").open() == database


@pytest.mark.parametrize("text", ["oci:layout", "oci-archive:a.tar", "db"])
def test_a_folder_cannot_take_the_place_of_a_pinned_database(
    database: Database, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(database.folder, f"{text}@{NONE}")

    assert refused(f"{text}@{NONE}", tmp_path / "cache") in {
        *("content-missing", "database-not-pinned"),
    }


def test_a_folder_with_the_given_digest_is_taken(database: Database, tmp_path: Path) -> None:
    text = f"{tmp_path / 'db'}@{database.digest}"

    assert parse(text, cache=tmp_path).open() == database


def test_a_folder_with_another_digest_is_refused(database: Database, tmp_path: Path) -> None:
    assert refused(f"{database.folder}@{NONE}", tmp_path) == "database-not-pinned"


def test_a_database_that_was_tampered_with_is_not_the_pinned_one(database: Database) -> None:
    with (database.folder / "trivy.db").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")

    text = f"{database.folder}@{database.digest}"

    assert refused(text, database.folder) == "database-not-pinned"


@pytest.mark.parametrize("text", ["nothing", f"nothing@{NONE}", "a@b", "some/where:2"])
def test_a_folder_that_is_not_there_is_missing(tmp_path: Path, text: str) -> None:
    assert refused(str(tmp_path / text), tmp_path) == "database-missing"


@pytest.mark.parametrize(
    "text",
    [
        *("oci:layout", "oci:layout:2", "oci-archive:a.tar:2", "db@sha256:00"),
        *("registry.example/db", "registry.example/db:2", "localhost/db", "registry:5000/a/db:2"),
        *("registry.example/db@sha256:00", f"registry.example/db@{NONE.upper()}"),
    ],
)
def test_a_database_that_is_not_named_by_a_digest_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(MinisealError) as error:
        parse(text, cache=tmp_path)

    assert error.value.code == "database-reference"


def test_a_malformed_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MinisealError) as error:
        parse("oci:layout@sha256:xyz", cache=tmp_path)

    assert error.value.code == "reference-malformed"


@pytest.mark.parametrize(
    "text",
    [
        *("registry.example/db", "registry.example/db:2", "registry:5000/a/db", "localhost/db:2"),
        *("127.0.0.1:5000/a/db", "[::1]:5000/db", "oci:layout", "oci:layout:2", "oci-archive:a:2"),
    ],
)
def test_a_folder_does_not_decide_what_a_reference_is(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (text, text.rpartition(":")[0], f"{text}@{NONE}"):
        Path(name or "x").mkdir(parents=True, exist_ok=True)

    found = parse(f"{text}@{NONE}", cache=tmp_path / "cache")

    assert isinstance(found, Artifact)
    assert str(found.reference) == f"{text}@{NONE}"


@pytest.mark.parametrize(
    "text",
    [
        *("db", "a/db", "/a.b/db", "./registry.example/db", "../registry.example/db", ".cache/db"),
        *("registry.example", "Registry.example/DB", "~/db", "localhost"),
    ],
)
def test_what_is_no_reference_is_a_folder(tmp_path: Path, text: str) -> None:
    assert parse(text, cache=tmp_path) == Folder(path=Path(text))
    assert parse(f"{text}@{NONE}", cache=tmp_path) == Folder(path=Path(text), digest=NONE)


def test_a_tag_beside_the_digest_says_nothing(
    database: Database, store: LayoutStore, reference: str, tmp_path: Path
) -> None:
    other = stored(store, tarred(*FILES)).partition("@")[2]
    store.tag("2", store.resolve(other))
    place, at, digest = reference.rpartition("@")

    found = parse(f"{place}:2{at}{digest}", cache=tmp_path / "cache").open()

    assert found.digest == database.digest


def test_an_archive_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert refused(f"oci-archive:{tmp_path}/x.tar@{NONE}", tmp_path) == "content-missing"


def test_an_artifact_is_unpacked_into_the_cache(
    database: Database, reference: str, tmp_path: Path
) -> None:
    found = parse(reference, cache=tmp_path / "cache").open()

    assert (found.digest, found.updated) == (database.digest, database.updated)
    assert found.folder.parent == tmp_path / "cache"
    assert sorted(tmp_path.joinpath("cache").iterdir()) == [found.folder]


def test_an_unpacked_artifact_is_used_again(reference: str, tmp_path: Path) -> None:
    first = parse(reference, cache=tmp_path / "cache").open()
    before = (first.folder / "trivy.db").stat()

    again = parse(reference, cache=tmp_path / "cache").open()

    assert again == first
    assert (again.folder / "trivy.db").stat().st_ino == before.st_ino


def test_what_is_unpacked_needs_no_store_any_more(
    database: Database, reference: str, tmp_path: Path
) -> None:
    parse(reference, cache=tmp_path / "cache").open()
    shutil.rmtree(tmp_path / "layout")

    assert parse(reference, cache=tmp_path / "cache").open().digest == database.digest
    assert refused(reference, tmp_path / "another") == "content-missing"


def _cut(folder: Path) -> None:
    (folder / "trivy.db").write_bytes((folder / "trivy.db").read_bytes()[:-1] + b"\x01")


def _age(folder: Path) -> None:
    text = (folder / "metadata.json").read_text()
    (folder / "metadata.json").write_text(text.replace("2026", "2027"))


def _unnote(folder: Path) -> None:
    (folder / "digests").unlink()


@pytest.mark.parametrize("damage", [_cut, _age, _unnote])
def test_what_is_damaged_in_the_cache_is_unpacked_again(
    database: Database, reference: str, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(parse(reference, cache=tmp_path / "cache").open().folder)

    found = parse(reference, cache=tmp_path / "cache").open()

    assert (found.digest, found.updated) == (database.digest, database.updated)


def test_a_file_in_place_of_the_cache_is_no_database(reference: str, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")

    assert refused(reference, tmp_path / "cache") == "database-missing"


def test_an_artifact_that_is_not_there_is_missing(reference: str, tmp_path: Path) -> None:
    text = f"{reference.partition('@')[0]}@{NONE}"

    assert refused(text, tmp_path) == "content-missing"


def test_a_layer_that_was_tampered_with_is_refused(reference: str, tmp_path: Path) -> None:
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    layer = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(layer.read_bytes())
    data[-1] ^= 1
    layer.write_bytes(data)

    assert refused(reference, tmp_path / "cache") == "digest-mismatch"
    assert not any((tmp_path / "cache").iterdir())


FILES = (("trivy.db", b"x" * 5000), ("metadata.json", b"{}"))


@pytest.mark.parametrize(
    "layer",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no tar" * 200),
        tarred(*FILES)[:60],
        tarred(FILES[0]),
        tarred(*FILES, FILES[0]),
        tarred(*FILES, ("extra", b"")),
        tarred(*FILES, ("../escape", b"")),
        tarred(("/trivy.db", b""), FILES[1]),
        tarred(*FILES, kind=tarfile.SYMTYPE),
        tarred(*FILES, kind=tarfile.LNKTYPE),
        tarred(*FILES, kind=tarfile.FIFOTYPE),
        tarred(*FILES, kind=tarfile.DIRTYPE),
        tarred(*FILES),  # whole, but no database
    ],
    ids=range(14),  # gzip writes the time
)
def test_a_layer_that_is_no_database_is_refused(
    store: LayoutStore, tmp_path: Path, layer: bytes
) -> None:
    assert refused(stored(store, layer), tmp_path / "cache") == "database-invalid"
    assert not any((tmp_path / "cache").iterdir())
    assert not (tmp_path / "escape").exists()


def test_a_file_that_claims_to_be_huge_is_refused(store: LayoutStore, tmp_path: Path) -> None:
    info = tarfile.TarInfo("trivy.db")
    info.size = 2**40
    layer = gzip.compress(info.tobuf())

    assert refused(stored(store, layer), tmp_path / "cache") == "database-invalid"


def test_a_layer_that_is_too_large_is_not_fetched(store: LayoutStore, tmp_path: Path) -> None:
    large = Descriptor(media_type=LAYER, digest=NONE, size=2**30 + 1)
    config = store.put(b"{}", "application/vnd.aquasec.trivy.config.v1+json")
    manifest = store.put_manifest(Manifest(config=config, layers=(large,)).to_bytes())

    assert refused(f"oci:{store._path}@{manifest.digest}", tmp_path / "cache") == "too-large"


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [-1, -256, -1024])
def test_a_file_that_claims_less_than_nothing_is_refused(
    store: LayoutStore, tmp_path: Path, kind: bytes, size: int
) -> None:
    info = tarfile.TarInfo("trivy.db")
    info.type, info.size = kind, size
    layer = gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024)

    with pytest.raises(MinisealError) as error:
        parse(stored(store, layer), cache=tmp_path / "cache").open()

    assert error.value.code == "database-invalid"
    assert f"{size} bytes" in str(error.value.found)


@pytest.mark.parametrize(
    ("media_type", "layers"), [("application/octet-stream", 1), (LAYER, 0), (LAYER, 2)]
)
def test_another_artifact_is_refused(
    store: LayoutStore, tmp_path: Path, media_type: str, layers: int
) -> None:
    text = stored(store, tarred(*FILES), media_type, layers)

    assert refused(text, tmp_path / "cache") == "database-invalid"


def test_a_layer_made_by_other_tools_is_read(
    store: LayoutStore, database: Database, tmp_path: Path
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name in ("metadata.json", "trivy.db"):
            archive.add(database.folder / name, f"./{name}")  # a time with fractions: a header

    found = parse(stored(store, file.getvalue()), cache=tmp_path / "cache").open()

    assert found.digest == database.digest


def test_the_same_database_is_the_same_artifact(store: LayoutStore, database: Database) -> None:
    assert artifact.push(store, database) == artifact.push(store, database)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert parse("a", cache=tmp_path) == Folder(path=Path("a"))
    assert isinstance(parse(f"oci:a@{NONE}", cache=tmp_path), Artifact)


@settings(max_examples=100, deadline=None)
@given(damaged(tarred(*FILES)))
def test_a_damaged_layer_is_unpacked_whole_or_refused(data: bytes) -> None:
    fuzz_layer(data)
