import threading
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.registry import LayoutStore
from miniseal.registry.lock import locked


def test_lock_that_is_held_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    with (
        locked(str(tmp_path), seconds=1),
        pytest.raises(MinisealError) as error,
        locked(str(tmp_path), seconds=0.05),
    ):
        pass

    assert error.value.code == "layout-locked"


def test_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(str(tmp_path), seconds=1):
        raise ZeroDivisionError

    with locked(str(tmp_path), seconds=0.05):
        pass


def test_folder_that_cannot_be_is_a_storage_error(tmp_path: Path) -> None:
    with (
        pytest.raises(MinisealError) as error,
        locked(str(tmp_path / ("x" * 300)), seconds=0.05),
    ):
        pass

    assert error.value.code == "storage-failed"


def test_symlink_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "victim")

    with pytest.raises(MinisealError) as error, locked(str(tmp_path), seconds=0.05):
        pass

    assert error.value.code == "storage-failed"
    assert not (tmp_path / "victim").exists()


def test_reading_takes_no_lock(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "layout")
    descriptor = store.put(b"content", "text/plain")

    with locked(str(tmp_path / "layout"), seconds=1):
        assert store.read(descriptor, limit=100) == b"content"
        assert store.tags() == {}


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(20):
            with locked(str(tmp_path), seconds=20):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counter.read_text() == "80"
