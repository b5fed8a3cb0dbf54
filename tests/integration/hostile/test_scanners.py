"""Scanners and databases that are missing, broken, replaced or old: nothing is published."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.hostile import LOCK, bounded, call_miniseal, listing, project_at
from miniseal.formats.oci import Manifest
from miniseal.packager import Lock
from miniseal.pipeline.trivy.artifact import push
from miniseal.pipeline.trivy.database import Database
from miniseal.registry import LayoutStore

Make = Callable[[Path], object]


@pytest.fixture
def release(tmp_path: Path, key: Path, vulnerability_db: Path) -> Callable[..., Run]:
    """Release a small project; nothing may be left in the store where that is refused."""
    project = project_at(tmp_path / "project")

    def run(*options: str | Path) -> Run:
        before = listing(tmp_path)
        with bounded(30):
            done = call_miniseal(
                *("release", project, "--to", f"oci:{tmp_path / 'out'}", "--key", key),
                *("--vulnerability-db", vulnerability_db, *options),
            )
        assert listing(tmp_path) == before
        return done

    return run


@pytest.fixture
def database(vulnerability_db: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(vulnerability_db, tmp_path / "db"))


def program(text: str) -> Make:
    def make(path: Path) -> None:
        path.write_text(text)
        path.chmod(0o755)

    return make


@pytest.mark.parametrize(
    ("make", "code", "exit_code"),
    [
        pytest.param(str, "scanner-missing", 2, id="missing"),
        pytest.param(os.mkdir, "scanner-missing", 2, id="folder"),
        pytest.param(os.mkfifo, "scanner-missing", 2, id="pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "scanner-missing", 2, id="device"),
        pytest.param(lambda path: path.symlink_to("trivy"), "scanner-missing", 2, id="loop"),
        pytest.param(Path.touch, "scanner-not-pinned", 1, id="empty"),
        pytest.param(
            program("#!/bin/sh\necho '{\"SchemaVersion\": 2}'\n"),
            "scanner-not-pinned",
            1,
            id="a-script-that-finds-nothing",
        ),
    ],
)
def test_a_scanner_that_is_not_the_one(
    release: Callable[..., Run], tmp_path: Path, make: Make, code: str, exit_code: int
) -> None:
    make(tmp_path / "trivy")

    release("--trivy", tmp_path / "trivy").refused(code, exit_code)


def test_no_scanner_on_the_path(
    release: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = os.environ["PATH"].split(":")
    without = [each for each in folders if not (Path(each) / "trivy").exists()]
    monkeypatch.setenv("PATH", ":".join(without))

    release().refused("scanner-missing", 2)


def test_a_scanner_of_yesterday(release: Callable[..., Run]) -> None:
    release("--min-scanner-age", "3650").refused("scanner-too-new", 1)


def test_a_scanner_that_the_policy_denies(
    release: Callable[..., Run], tmp_path: Path, key: Path
) -> None:
    policy = tmp_path / "policy" / "policy.toml"
    call_miniseal(
        *("policy", "init", tmp_path / "project", "--key", f"{key}.pub", "-o", policy)
    ).ok()
    digest = Lock.from_toml(LOCK.read_bytes()).scanner.digests[0]
    denial = f'\n[[deny]]\nreason = "found to be malicious"\nscanner = "{digest}"\n'
    policy.write_text(policy.read_text() + denial)

    release("--policy", policy).refused("scanner-denied", 1)


def metadata(**members: object) -> Make:
    def make(database: Path) -> None:
        path = database / "metadata.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | members))

    return make


def stamp(days: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))


def in_place(name: str, make: Callable[[Path], object]) -> Make:
    def change(database: Path) -> None:
        (database / name).unlink()
        make(database / name)

    return change


@pytest.mark.parametrize(
    ("make", "code", "exit_code"),
    [
        pytest.param(shutil.rmtree, "database-missing", 2, id="none"),
        pytest.param(in_place("trivy.db", str), "database-missing", 2, id="no-database"),
        pytest.param(in_place("metadata.json", str), "database-missing", 2, id="no-metadata"),
        pytest.param(in_place("trivy.db", os.mkfifo), "database-missing", 2, id="pipe"),
        pytest.param(in_place("metadata.json", os.mkfifo), "database-missing", 2, id="m-pipe"),
        pytest.param(in_place("trivy.db", os.mkdir), "database-missing", 2, id="folder"),
        pytest.param(in_place("trivy.db", Path.touch), "database-invalid", 1, id="empty"),
        pytest.param(
            in_place("trivy.db", lambda path: path.write_bytes(os.urandom(65536))),
            "database-invalid",
            1,
            id="garbage",
        ),
        pytest.param(in_place("metadata.json", Path.touch), "database-invalid", 1, id="m-empty"),
        pytest.param(metadata(Version=1), "database-invalid", 1, id="another-version"),
        pytest.param(metadata(UpdatedAt="today"), "database-invalid", 1, id="no-date"),
        pytest.param(metadata(UpdatedAt=stamp(-8)), "database-stale", 1, id="old"),
        pytest.param(metadata(UpdatedAt=stamp(1)), "database-stale", 1, id="from-the-future"),
        pytest.param(
            metadata(UpdatedAt="0001-01-01T00:00:00Z"), "database-stale", 1, id="year-one"
        ),
    ],
)
def test_a_database_that_is_none(
    release: Callable[..., Run], database: Path, make: Make, code: str, exit_code: int
) -> None:
    make(database)

    release("--vulnerability-db", database).refused(code, exit_code)


def test_a_database_with_a_damaged_page(release: Callable[..., Run], database: Path) -> None:
    data = bytearray((database / "trivy.db").read_bytes())
    for start in range(3 * 4096, len(data), 4096):
        data[start : start + 2048] = os.urandom(2048)
    (database / "trivy.db").write_bytes(data)

    run = release("--vulnerability-db", database)

    assert run.exit_code in {1, 2}
    assert run.document["error"]["code"] in {"scanner-failed", "scan-empty", "scan-incomplete"}


@pytest.mark.parametrize(
    ("text", "code", "exit_code"),
    [
        pytest.param("{db}@sha256:{other}", "database-not-pinned", 1, id="another-digest"),
        pytest.param("{db}@sha256:xyz", "database-reference", 2, id="malformed-digest"),
        pytest.param("oci:{layout}", "database-reference", 2, id="no-digest"),
        pytest.param("oci:{layout}:2", "database-reference", 2, id="tag"),
        pytest.param("registry.example/db:2", "database-reference", 2, id="tag-of-a-registry"),
        pytest.param("127.0.0.1:9/db@{digest}", "registry-unreachable", 2, id="nobody-there"),
        pytest.param("oci:{layout}@sha256:{other}", "content-missing", 2, id="not-there"),
        pytest.param("oci:{db}@{digest}", "content-missing", 2, id="no-layout"),
        pytest.param("oci-archive:{layout}@{digest}", "tar-malformed", 1, id="archive"),
        pytest.param("oci:{layout}@{tampered}", "digest-mismatch", 1, id="tampered"),
        pytest.param("oci:{layout}@{foreign}", "database-invalid", 1, id="another-artifact"),
    ],
)
def test_a_database_that_is_named_badly(
    release: Callable[..., Run],
    database: Path,
    tmp_path: Path,
    text: str,
    code: str,
    exit_code: int,
) -> None:
    store = LayoutStore(tmp_path / "layout")
    config = store.put(b"{}", "application/octet-stream")
    foreign = store.put_manifest(Manifest(config=config, layers=(config,)).to_bytes())
    pushed = push(store, Database.open(database))
    if "tampered" in text:
        blobs = tmp_path / "layout" / "blobs" / "sha256"
        layer = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
        layer.write_bytes(layer.read_bytes()[:-1] + b"\x55")
    words = text.format(
        db=database,
        layout=tmp_path / "layout",
        other="0" * 64,
        digest=pushed.digest,
        tampered=pushed.digest,
        foreign=foreign.digest,
    )

    release("--vulnerability-db", words).refused(code, exit_code)


def test_a_database_in_a_store(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINISEAL_CACHE", str(tmp_path / "cache"))
    layout = tmp_path / "layout"
    pushed = push(LayoutStore(layout), Database.open(database))

    run = call_miniseal("doctor", "--vulnerability-db", f"oci:{layout}@{pushed.digest}")

    checks = {row["name"]: row for row in run.document["result"]["checks"]}
    assert checks["database"]["ok"]
    assert str(tmp_path / "cache" / "databases") in checks["database"]["found"]
