import os
from pathlib import Path

import pytest

from miniseal.cli.files import read_file, write_file
from miniseal.formats.errors import UsageError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "b", b"data")

    assert read_file(tmp_path / "a" / "b") == b"data"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"old")

    write_file(tmp_path / "a", b"new", mode=0o600)

    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read") as error:
        read_file(tmp_path / "none")

    assert error.value.code == "file-unusable"


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 1 << 30)

    with pytest.raises(UsageError, match="too large") as error:
        read_file(path)

    assert error.value.code == "file-unusable"


def test_a_place_that_cannot_be_written_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")

    with pytest.raises(UsageError, match="cannot write") as error:
        write_file(tmp_path / "file" / "below", b"data")

    assert error.value.code == "file-unusable"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
