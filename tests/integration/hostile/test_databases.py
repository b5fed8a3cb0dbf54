"""A vulnerability database from a registry that lies, and from one that wants credentials."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.evilregistry import QUICK, Asked, EvilRegistry, store_at, with_credential
from kit.hostile import bounded
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_TYPE, Index, Manifest
from miniseal.pipeline.trivy import artifact
from miniseal.pipeline.trivy.database import Database
from miniseal.pipeline.trivy.source import Artifact, parse

MIB = 1024 * 1024


@pytest.fixture
def registry() -> Iterator[EvilRegistry]:
    with EvilRegistry() as running:
        yield running


@pytest.fixture
def source(registry: EvilRegistry, vulnerability_db: Path, tmp_path: Path) -> Artifact:
    """The database in the registry."""
    pushed = artifact.push(store_at(registry.host), Database.open(vulnerability_db))
    registry.seen.clear()
    registry.sent = 0
    return at(f"{registry.host}/acme/tip:2@{pushed.digest}", tmp_path)


def at(reference: str, folder: Path) -> Artifact:
    found = parse(reference, cache=folder / "cache", access=QUICK)
    assert isinstance(found, Artifact)
    return found


def refused(source: Artifact) -> str:
    with bounded(15), pytest.raises(MinisealError) as error:
        source.open()
    if source.cache.exists():
        assert list(source.cache.iterdir()) == []
    return error.value.code


def replying(data: bytes, media_type: str = "application/octet-stream") -> Callable[[Asked], None]:
    return lambda asked: asked.reply(200, data, {"Content-Type": media_type})


def without_end(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": MANIFEST_TYPE})
    asked.send_all(iter(lambda: b"\0" * 65536, b""))


def status(code: int, **headers: str) -> Callable[[Asked], None]:
    return lambda asked: asked.reply(code, b"no", headers)


EMPTY = json.dumps({"schemaVersion": 2, "manifests": []}).encode()


def test_it_is_fetched_once_and_then_not_asked_for(
    registry: EvilRegistry, source: Artifact, vulnerability_db: Path
) -> None:
    expected = Database.open(vulnerability_db)

    first = source.open()
    asked = len(registry.seen)
    again = source.open()

    assert (first.digest, first.updated) == (expected.digest, expected.updated)
    assert again == first
    assert len(registry.seen) == asked > 0
    assert registry.asked("GET", "/manifests/2") == []


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        pytest.param(replying(EMPTY, MANIFEST_TYPE), "digest-mismatch", id="another"),
        pytest.param(replying(EMPTY, INDEX_TYPE), "digest-mismatch", id="an-index"),
        pytest.param(replying(b"<html>", "text/html"), "registry-malformed", id="html"),
        pytest.param(without_end, "too-large", id="endless"),
        pytest.param(status(404), "content-missing", id="404"),
        pytest.param(status(503), "registry-unreachable", id="503"),
        pytest.param(Asked.stall, "registry-unreachable", id="silent"),
        pytest.param(status(401), "registry-malformed", id="401-unexplained"),
        pytest.param(
            status(401, **{"WWW-Authenticate": 'Basic realm="x"'}), "auth-required", id="401"
        ),
    ],
)
def test_lies_about_the_manifest(
    registry: EvilRegistry, source: Artifact, lie: Callable[[Asked], None], code: str
) -> None:
    registry.lie("GET", "/manifests/", lie)

    assert refused(source) == code
    assert registry.asked("GET", "/blobs/") == []
    assert registry.sent < 16 * MIB


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        pytest.param(replying(b"\x1f\x8b wrong"), "digest-mismatch", id="wrong"),
        pytest.param(without_end, "digest-mismatch", id="endless"),
        pytest.param(Asked.hang_up, "registry-unreachable", id="cut"),
        pytest.param(Asked.stall, "registry-unreachable", id="silent"),
        pytest.param(status(404), "content-missing", id="404"),
        pytest.param(
            status(307, Location="http://192.0.2.1/"), "redirect-refused", id="out-of-tls"
        ),
    ],
)
def test_lies_about_the_layer(
    registry: EvilRegistry, source: Artifact, lie: Callable[[Asked], None], code: str
) -> None:
    registry.lie("GET", "/blobs/", lie)

    assert refused(source) == code
    assert registry.sent < 16 * MIB


def test_another_artifact_or_an_index_is_no_database(
    registry: EvilRegistry, source: Artifact, tmp_path: Path
) -> None:
    store = store_at(registry.host)
    config = store.put(b"{}", "application/octet-stream")
    other = store.put_manifest(Manifest(config=config, layers=(config,)).to_bytes())
    database = store.resolve(source.reference.digest or "")
    index = store.put_manifest(Index(manifests=(database,)).to_bytes(), INDEX_TYPE)

    for each in (other, index):
        wrong = at(f"{registry.host}/acme/tip@{each.digest}", tmp_path)
        assert refused(wrong) == "database-invalid"


def test_a_credential_is_for_the_registry_alone(vulnerability_db: Path, tmp_path: Path) -> None:
    with EvilRegistry(scheme="Bearer") as registry, EvilRegistry() as elsewhere:
        access = with_credential(registry.host)
        store = store_at(registry.host, access)
        pushed = artifact.push(store, Database.open(vulnerability_db))
        elsewhere.blobs = registry.blobs
        (layer,) = Manifest.from_bytes(registry.manifests[pushed.digest][0]).layers
        target = f"{elsewhere.url}/v2/other/place/blobs/{layer.digest}"
        registry.lie("GET", "/blobs/", status(307, Location=target))
        text = f"{registry.host}/acme/tip@{pushed.digest}"

        found = parse(text, cache=tmp_path / "cache", access=access).open()

        assert found.digest == Database.open(vulnerability_db).digest
        assert [each.authorization for each in elsewhere.seen] == [None]
        assert refused(at(text, tmp_path / "another")) == "auth-required"
