import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.registry import behind
from miniseal.registry.files import TEMPORARY, Folder


def test_written_file_is_read_back(tmp_path: Path) -> None:
    with Folder(str(tmp_path)) as folder:
        folder.write("name", b"first")
        folder.write("name", b"second")
        with folder.file("name") as (file, size):
            data = file.read()

    assert (data, size) == (b"second", 6)
    assert os.listdir(tmp_path) == ["name"]  # noqa: PTH208 - hidden files too


def test_failed_rename_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()

    with Folder(str(tmp_path)) as folder, pytest.raises(MinisealError) as error:
        folder.write("name", b"content")

    assert error.value.code == "storage-failed"
    assert [file.name for file in tmp_path.iterdir()] == ["name"]


PIECES = [bytes([number]) * 300_000 for number in range(40)]


@pytest.mark.parametrize("number", [40, 39, 15], ids=["even", "odd", "one more than is small"])
def test_large_file_is_written_in_its_order(tmp_path: Path, number: int) -> None:
    with Folder(str(tmp_path)) as folder:
        folder.write_chunks("name", iter(PIECES[:number]))

    assert (tmp_path / "name").read_bytes() == b"".join(PIECES[:number])


@pytest.mark.parametrize(
    ("call", "after", "synced"),
    [
        ("write", 0, 1024 * 1024),
        ("write", 30, 1024 * 1024),
        ("fdatasync", 0, 1024 * 1024),
        ("fdatasync", 0, 7_500_000),  # with the last of it
    ],
)
def test_large_file_that_cannot_be_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int, synced: int
) -> None:
    real, calls = getattr(os, call), 0

    def failing(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(os, call, failing)
    monkeypatch.setattr(behind, "SYNC_AFTER", synced)
    with Folder(str(tmp_path)) as folder, pytest.raises(MinisealError) as error:
        folder.write_chunks("name", iter(PIECES))

    assert error.value.code == "storage-failed"
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden files too


def test_large_file_that_ends_in_an_error_is_not_there(tmp_path: Path) -> None:
    def cut_off() -> Iterator[bytes]:
        yield from PIECES
        raise ConnectionError

    with Folder(str(tmp_path)) as folder, pytest.raises(MinisealError) as error:
        folder.write_chunks("name", cut_off())

    assert error.value.code == "storage-failed"
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden files too


def test_missing_folder_is_pythons_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Folder(str(tmp_path / "missing"))


def test_unreadable_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(MinisealError, match="ENAMETOOLONG") as error:
        Folder(str(tmp_path / ("x" * 300)))

    assert error.value.code == "storage-failed"


def test_descriptors_are_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of this process
    (tmp_path / "folder").mkdir()
    for _ in range(50):
        with Folder(str(tmp_path)) as folder, folder.child("made", create=True) as child:
            child.write("name", b"content")
            with child.file("name"):
                pass
            with pytest.raises(MinisealError), folder.file("folder"):
                pass

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_sweep_takes_old_temporary_files_only(tmp_path: Path) -> None:
    for name in [f"{TEMPORARY}old", f"{TEMPORARY}new", "other"]:
        (tmp_path / name).touch()
    for name in [f"{TEMPORARY}old", "other"]:
        os.utime(tmp_path / name, (1000, 1000))

    with Folder(str(tmp_path)) as folder:
        folder.sweep(2000)

    assert sorted(os.listdir(tmp_path)) == [f"{TEMPORARY}new", "other"]  # noqa: PTH208 - hidden too


def test_sweep_does_not_follow_a_symlink(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    os.utime(victim, (1000, 1000))
    (tmp_path / f"{TEMPORARY}link").symlink_to(victim)

    with Folder(str(tmp_path)) as folder:
        folder.sweep(2000)

    assert victim.exists()
    assert (tmp_path / f"{TEMPORARY}link").is_symlink()
