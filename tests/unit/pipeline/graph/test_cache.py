import os
import threading
from pathlib import Path

import pytest

from kit.engines import wait
from kit.graphs import Bench
from miniseal.formats.errors import EnvironmentalError
from miniseal.pipeline.graph import StepCache

KEY, OTHER = "a" * 64, "b" * 64


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    cache = StepCache(tmp_path)
    cache.keep(KEY, b"data")

    assert cache.find(KEY) == b"data"
    assert cache.find(OTHER) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda _: b"",
        lambda data: data[:33] + b"X" + data[34:],
        lambda data: b"X" + data[1:],
        lambda data: data + b"X",
    ],
)
def test_a_damaged_result_is_a_miss_and_is_made_again(bench: Bench, damage: object) -> None:
    step = bench.step("step")
    bench.inputs["step"] = "x" * 100
    good = wait(bench.runner().reach(step))
    (entry,) = bench.cache.entries()
    entry.path.write_bytes(damage(entry.path.read_bytes()))  # type: ignore[operator]

    again = wait(bench.runner().reach(step))

    assert again == good
    assert bench.ran == ["step", "step"]
    wait(bench.runner().reach(step))
    assert bench.ran == ["step", "step"]


def test_a_damaged_result_that_cannot_be_removed_is_a_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = StepCache(tmp_path)
    cache.keep(KEY, b"data")
    (entry,) = cache.entries()
    entry.path.write_bytes(entry.path.read_bytes()[:-1] + b"X")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "as in a folder that is read-only")

    monkeypatch.setattr(Path, "unlink", refuse)

    assert cache.find(KEY) is None


def test_nobody_else_can_write_into_the_folder(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        StepCache(tmp_path / "steps").remember("project", "step", {})
        StepCache(tmp_path / "steps").keep(KEY, b"data")
    finally:
        os.umask(before)

    assert (tmp_path / "steps" / "v1").stat().st_mode & 0o077 == 0


def test_a_result_that_no_longer_decodes_is_made_again(bench: Bench) -> None:
    step = bench.step("step")
    wait(bench.runner().reach(step))
    (entry,) = bench.cache.entries()
    bench.cache.keep(entry.path.name, b"[1, 2]")

    wait(bench.runner().reach(step))

    assert bench.ran == ["step", "step"]


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = StepCache(tmp_path)
    for number, key in enumerate(("a", "b", "c")):
        cache.keep(key * 64, bytes(1000))
        os.utime(tmp_path / "v1" / (key * 64), (number, number))
    cache.find("a" * 64)

    removed = cache.prune(2100)

    assert removed == 1032
    assert sorted(entry.path.name[0] for entry in cache.entries()) == ["a", "c"]


def test_a_cache_never_holds_more_than_its_limit(tmp_path: Path) -> None:
    cache = StepCache(tmp_path, limit=5000)
    for number in range(20):
        cache.keep(f"{number:064}", bytes(1000))

    assert sum(entry.size for entry in cache.entries()) <= 5000
    assert cache.find(f"{19:064}") == bytes(1000)


def test_a_cache_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("a file")

    with pytest.raises(EnvironmentalError) as error:
        StepCache(tmp_path).keep(KEY, b"data")

    assert error.value.code == "cache-unusable"


def test_many_writers_and_readers_see_whole_results_alone(tmp_path: Path) -> None:
    wrong: list[bytes] = []

    def work(number: int) -> None:
        cache = StepCache(tmp_path, limit=40_000)
        for turn in range(30):
            key = f"{(number + turn) % 8:064}"
            found = cache.find(key)
            if found is not None and found != key.encode() * 100:
                wrong.append(found)
            cache.keep(key, key.encode() * 100)
            if turn % 10 == 9:
                cache.prune(10_000)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    cache = StepCache(tmp_path)
    cache.keep(KEY, b"data")
    left = tmp_path / "v1" / ".left"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    cache.prune(10_000)

    assert not left.exists()
    assert cache.find(KEY) == b"data"
