import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from filelock import FileLock

from kit.engines import wait
from miniseal.formats.errors import EnvironmentalError
from miniseal.packager import Tool
from miniseal.pipeline.tools.cache import ToolCache


def _wheel(folder: Path) -> Tool:
    """A wheel in a folder that pip is told to look into."""
    import zipfile  # only here

    path = folder / "sealtool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("sealtool.py", "NAME = 'sealtool'\n")
        wheel.writestr(
            "sealtool-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: sealtool\nVersion: 1.0\n",
        )
        wheel.writestr(
            "sealtool-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("sealtool-1.0.dist-info/RECORD", "")
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return Tool(name="sealtool", version="1.0", source="pypi", hashes=(digest,))


def _cache(tmp_path: Path, links: Path) -> ToolCache:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(links),
    }
    return ToolCache(folder=tmp_path / "cache", environ=environ)


def test_a_wheel_with_the_locked_hash_is_fetched_once(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)

    first = wait(cache.fetch((tool,)))
    next(tmp_path.glob("*.whl")).unlink()
    again = wait(cache.fetch((tool,)))

    assert first == again
    assert (first["sealtool"] / "sealtool.py").is_file()
    assert not (first["sealtool"] / "requirements.txt").exists()


def test_a_wheel_with_another_hash_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    other = Tool(name=tool.name, version="1.0", source="pypi", hashes=("sha256:" + "0" * 64,))
    cache = _cache(tmp_path, tmp_path)

    with pytest.raises(EnvironmentalError, match="cannot fetch sealtool") as error:
        wait(cache.fetch((other,)))

    assert error.value.code == "fetch-failed"
    assert "sha256" in (error.value.found or "").lower()
    assert not list((tmp_path / "cache").rglob("sealtool.py"))


def test_no_tools_need_nothing(tmp_path: Path) -> None:
    cache = ToolCache(folder=tmp_path / "cache", environ={})

    assert wait(cache.fetch(())) == {}
    assert not (tmp_path / "cache").exists()


def test_a_client_is_killed_when_the_release_is_cancelled(tmp_path: Path) -> None:
    pipe = tmp_path / "pip.conf"  # reading it lasts for as long as nobody writes
    os.mkfifo(pipe)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": str(pipe)}
    cache = ToolCache(folder=tmp_path / "cache", environ=environ)
    tool = Tool(name="sealtool", version="1.0", source="pypi", hashes=("sha256:" + "0" * 64,))

    async def cancelled() -> None:
        fetching = asyncio.create_task(cache.fetch((tool,)))
        writer = await _reader_of(pipe)
        fetching.cancel()
        try:
            await fetching
        finally:
            os.close(writer)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(cancelled(), 60))

    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".lock"]


async def _reader_of(pipe: Path) -> int:
    """The writing end of a pipe, as soon as somebody reads it."""
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            await asyncio.sleep(0.01)


def test_a_cache_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    cache = _cache(tmp_path, tmp_path)

    with pytest.raises(EnvironmentalError) as error:
        wait(cache.fetch((_wheel(tmp_path),)))

    assert error.value.code == "fetch-failed"


def _damage(place: Path) -> None:
    (place / "sealtool.py").write_text("NAME = 'other'\n")


def test_a_damaged_tool_is_fetched_again_with_a_warning(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)
    place = wait(cache.fetch((tool,)))["sealtool"]
    _damage(place)
    said: list[str] = []

    again = wait(cache.fetch((tool,), log=said.append))

    assert again == {"sealtool": place}
    assert (place / "sealtool.py").read_text() == "NAME = 'sealtool'\n"
    assert said == ["warning: sealtool in the tool cache is damaged, and fetched again"]


@pytest.mark.parametrize("record", [None, b"", b"[]", b'{"digest": 1, "size": 2}'])
def test_a_tool_whose_record_is_damaged_is_fetched_again(
    tmp_path: Path, record: bytes | None
) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)
    place = wait(cache.fetch((tool,)))["sealtool"]
    path = place.parent / ".content.json"
    path.unlink() if record is None else path.write_bytes(record)
    said: list[str] = []

    wait(cache.fetch((tool,), log=said.append))
    wait(cache.fetch((tool,), log=said.append))

    assert [text.partition(":")[0] for text in said] == ["warning"]


def test_a_damaged_tool_that_cannot_be_fetched_again_is_refused(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)
    _damage(wait(cache.fetch((tool,)))["sealtool"])
    next(tmp_path.glob("*.whl")).unlink()

    with pytest.raises(EnvironmentalError, match="sealtool in the tool cache is damaged") as error:
        wait(cache.fetch((tool,)))

    assert error.value.code == "tool-cache-damaged"


def test_a_sound_tool_is_said_nothing_of(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)
    wait(cache.fetch((tool,)))
    said: list[str] = []

    wait(cache.fetch((tool,), log=said.append))

    assert said == []


def test_many_at_once_get_the_same_whole_folder(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)

    async def many() -> list[dict[str, Path]]:
        return await asyncio.gather(*(cache.fetch((tool,)) for _ in range(5)))

    places = asyncio.run(many())

    (place,) = {place["sealtool"] for place in places}
    assert sorted(path.name for path in place.parent.iterdir()) == [
        *(".content.json", ".lock", "sealtool"),
    ]


def test_the_cache_says_what_it_holds_and_gives_it_up(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)
    place = wait(cache.fetch((tool,)))["sealtool"]
    (entry,) = cache.entries()

    removed = cache.remove(entry)

    size = sum(path.stat().st_size for path in _sealtool_files(tmp_path, tool))
    assert (entry.path, entry.name, entry.size) == (place.parent, "sealtool", size)
    assert removed is True
    assert cache.entries() == ()
    assert [path.name for path in place.parent.iterdir()] == [".lock"]


def _sealtool_files(tmp_path: Path, tool: Tool) -> list[Path]:
    """The files of a second cache's tool."""
    cache = ToolCache(folder=tmp_path / "other", environ=_cache(tmp_path, tmp_path).environ)
    place = wait(cache.fetch((tool,)))["sealtool"]
    return [path for path in place.rglob("*") if path.is_file()]


def test_pruning_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = _cache(tmp_path, tmp_path)
    for name, used in (("old", 1000), ("new", 2000)):
        place = cache.folder / name / name
        place.mkdir(parents=True)
        (place / "file").write_bytes(b"x" * 100)
        record = place.parent / ".content.json"
        record.write_text('{"digest": "", "size": 100}')
        os.utime(record, (used, used))

    removed = cache.prune(150)

    assert removed == 100
    assert [entry.name for entry in cache.entries()] == ["new"]


def test_what_is_being_fetched_is_not_removed(tmp_path: Path) -> None:
    tool = _wheel(tmp_path)
    cache = _cache(tmp_path, tmp_path)
    place = wait(cache.fetch((tool,)))["sealtool"]
    (entry,) = cache.entries()

    with FileLock(place.parent / ".lock"):
        removed = cache.remove(entry)

    assert removed is False
    assert place.is_dir()


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert ToolCache(folder=tmp_path / "none", environ={}).entries() == ()
