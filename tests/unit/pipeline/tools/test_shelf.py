import threading
from pathlib import Path

import pytest
from filelock import FileLock

from miniseal.pipeline.tools.shelf import Busy, Shelf

STOPPED = threading.Event()
STOPPED.set()


def _put(shelf: Shelf, text: str) -> None:
    with shelf.locked(STOPPED), shelf.scratch() as scratch:
        made = scratch / "tool"
        made.mkdir()
        (made / "file").write_text(text)
        shelf.put(made, scratch)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "key")


def test_nothing_is_there_until_it_is_put_there(shelf: Shelf) -> None:
    before = shelf.state("tool")
    _put(shelf, "one")

    assert before == "absent"
    assert shelf.state("tool") == "there"


def test_what_is_put_there_takes_the_place_of_what_was(shelf: Shelf) -> None:
    _put(shelf, "one")
    _put(shelf, "two")

    assert (shelf.path / "tool" / "file").read_text() == "two"
    assert shelf.state("tool") == "there"
    assert sorted(path.name for path in shelf.path.iterdir()) == [".content.json", ".lock", "tool"]


def test_a_process_killed_between_record_and_folder_leaves_nothing_there(shelf: Shelf) -> None:
    _put(shelf, "one")
    (shelf.path / "tool").rename(shelf.path / ".scratch-killed")

    assert shelf.state("tool") == "absent"


def test_what_a_killed_process_left_goes_when_the_place_is_filled(shelf: Shelf) -> None:
    (shelf.path / ".scratch-killed" / "tool").mkdir(parents=True)

    _put(shelf, "one")

    assert not (shelf.path / ".scratch-killed").exists()


def test_a_file_that_cannot_be_read_is_damage(shelf: Shelf) -> None:
    _put(shelf, "one")
    (shelf.path / "tool" / "file").unlink()
    (shelf.path / "tool" / "file").symlink_to("file")

    assert shelf.state("tool") == "damaged"


def test_waiting_for_the_lock_ends_when_it_is_told_to(shelf: Shelf) -> None:
    shelf.path.mkdir()

    with FileLock(shelf.path / ".lock"), pytest.raises(Busy), shelf.locked(STOPPED):
        pytest.fail("the lock was taken twice")


def test_a_place_without_a_record_is_measured(shelf: Shelf) -> None:
    (shelf.path / "tool").mkdir(parents=True)
    (shelf.path / "tool" / "file").write_bytes(b"x" * 100_000)

    entry = shelf.entry()

    assert entry is not None
    assert entry.name == "tool"
    assert entry.size >= 100_000
    assert entry.used == shelf.path.stat().st_mtime


def test_a_place_with_nothing_but_its_lock_is_no_entry(shelf: Shelf) -> None:
    _put(shelf, "one")
    with shelf.locked(STOPPED):
        shelf.empty()

    assert shelf.entry() is None
