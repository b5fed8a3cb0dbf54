"""Scanners and databases that are missing, broken, replaced or old: nothing is published."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.hostile import bounded, call_miniseal, listing, project_at

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
