import os
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
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
