import json
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.database import Database, build

NOW = 1_790_000_000
DAY = 86_400


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    folder = tmp_path / "osv"
    (folder / "deep").mkdir(parents=True)
    for number, path in enumerate(("a.json", "deep/b.json")):
        events = [{"introduced": "0"}, {"fixed": f"1.{number}"}]
        package = {"ecosystem": "npm", "name": "left-pad"}
        affected = [{"package": package, "ranges": [{"type": "SEMVER", "events": events}]}]
        advisory = {"id": f"X-{number}", "aliases": ["CVE-2026-1"], "affected": affected}
        (folder / path).write_text(json.dumps(advisory))
    return folder


@pytest.fixture
def database(advisories: Path, tmp_path: Path) -> Database:
    return build(advisories, tmp_path / "db", updated=NOW)


def test_the_same_advisories_give_the_same_bytes(advisories: Path, tmp_path: Path) -> None:
    first = build(advisories, tmp_path / "one", updated=NOW)
    second = build(advisories, tmp_path / "two", updated=NOW)

    assert first.digest == second.digest
    assert (tmp_path / "one/metadata.json").read_bytes() == (
        tmp_path / "two/metadata.json"
    ).read_bytes()


def test_advisories_about_one_vulnerability_are_joined(database: Database) -> None:
    data = (database.folder / "trivy.db").read_bytes()

    assert b'{"VendorIDs":["X-0","X-1"],"VulnerableVersions":["<1.0","<1.1"]' in data


def test_a_withdrawn_advisory_is_left_out(advisories: Path, tmp_path: Path) -> None:
    advisory = json.loads((advisories / "a.json").read_text())
    (advisories / "a.json").write_text(json.dumps(advisory | {"withdrawn": "2026-01-01T00:00:00Z"}))

    data = (build(advisories, tmp_path / "db", updated=NOW).folder / "trivy.db").read_bytes()

    assert b"X-0" not in data
    assert b"X-1" in data


def test_it_opens_as_it_was_built(database: Database) -> None:
    assert Database.open(database.folder) == database
    assert database.updated == NOW


def test_no_temporary_file_stays(database: Database) -> None:
    assert sorted(path.name for path in database.folder.iterdir()) == ["metadata.json", "trivy.db"]


def test_a_malformed_advisory_is_named(advisories: Path, tmp_path: Path) -> None:
    (advisories / "deep/c.json").write_text("{}")

    with pytest.raises(MinisealError) as error:
        build(advisories, tmp_path / "db", updated=NOW)

    assert error.value.code == "advisory-malformed"
    assert "deep/c.json" in error.value.message
    assert not (tmp_path / "db").exists()


def test_a_folder_without_advisories_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MinisealError) as error:
        build(tmp_path, tmp_path / "db", updated=NOW)

    assert error.value.code == "database-missing"


def test_a_place_that_cannot_be_written_is_an_error(advisories: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(MinisealError) as error:
        build(advisories, tmp_path / "file/db", updated=NOW)

    assert error.value.code == "database-missing"


@pytest.mark.parametrize("name", ["trivy.db", "metadata.json"])
def test_half_a_database_is_missing(database: Database, name: str) -> None:
    (database.folder / name).unlink()

    with pytest.raises(MinisealError) as error:
        Database.open(database.folder)

    assert error.value.code == "database-missing"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trivy.db", b""),
        ("trivy.db", b"x" * 5000),
        ("metadata.json", b"{}"),
        ("metadata.json", b"[]"),
        ("metadata.json", b'{"Version":1,"UpdatedAt":"2026-11-01T00:00:00Z"}'),
        ("metadata.json", b'{"Version":2,"UpdatedAt":"yesterday"}'),
        ("metadata.json", b'{"Version":2}'),
        ("metadata.json", b" " * 70_000),
    ],
)
def test_other_content_is_invalid(database: Database, name: str, content: bytes) -> None:
    (database.folder / name).write_bytes(content)

    with pytest.raises(MinisealError) as error:
        Database.open(database.folder)

    assert error.value.code == "database-invalid"


def test_trivys_own_metadata_is_read(database: Database) -> None:
    text = '{"Version":2,"NextUpdate":"2026-11-02T00:33:25.138107498Z","UpdatedAt":"2026-11-01T00:33:25.138107618Z","DownloadedAt":"0001-01-01T00:00:00Z"}'  # noqa: E501
    (database.folder / "metadata.json").write_text(text)

    assert Database.open(database.folder).updated == 1_793_493_205


@pytest.mark.parametrize("age", [-300, 0, DAY])
def test_a_young_database_passes(database: Database, age: int) -> None:
    database.check_age(now=NOW + age, max_age=DAY)


@pytest.mark.parametrize("age", [-301, DAY + 1])
def test_an_old_one_or_one_from_the_future_is_stale(database: Database, age: int) -> None:
    with pytest.raises(MinisealError) as error:
        database.check_age(now=NOW + age, max_age=DAY)

    assert error.value.code == "database-stale"
