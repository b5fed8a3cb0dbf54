import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from kit.engines import wait
from miniseal.formats.errors import EnvironmentalError
from miniseal.packager import Tool
from miniseal.pipeline.steps.fetch import ToolCache


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
