"""The tool cache with real processes: tools that are made, and processes that are killed."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from kit.killing import nothing_survives
from miniseal.formats.errors import EnvironmentalError
from miniseal.packager import Install, Tool
from miniseal.pipeline.tools.cache import ToolCache
from miniseal.pipeline.tools.install import Installer

TOOL = Tool(name="made", version="1", source="pypi", hashes=("sha256:" + "0" * 64,))
LOOKS = """
import pathlib, socket, sys
need = pathlib.Path("/build/tools/need")
try:
    (need / "mine").touch()
except OSError as error:
    print("cannot write:", error.strerror)
seen = sorted(path.name for path in pathlib.Path("/build/tools").iterdir())
pathlib.Path("seen").write_text(" ".join(seen) + (need / "file").read_text())
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
except OSError as error:
    pathlib.Path("network").write_text(error.strerror)
"""


@pytest.fixture
def need(tmp_path: Path) -> Path:
    """What something is made of."""
    folder = tmp_path / "cache" / "key" / "need"
    folder.mkdir(parents=True)
    (folder / "file").write_text("!")
    return folder


def _make(script: str) -> Install:
    return Install(
        folder="made",
        tools=(TOOL,),
        argv=("{python}", "-I", "-c", script),
        needs=("need",),
        network=False,
    )


def _installer(stop: threading.Event) -> Installer:
    return Installer(environ={}, stop=stop)


def test_what_is_made_sees_what_it_needs_and_no_network(need: Path, tmp_path: Path) -> None:
    made = _installer(threading.Event()).install(_make(LOOKS), {"need": need}, tmp_path)

    assert (made / "seen").read_text() == "made need!"
    assert (made / "network").read_text() == "Network is unreachable"
    assert [path.name for path in need.iterdir()] == ["file"]


def test_what_cannot_be_made_says_why(need: Path, tmp_path: Path) -> None:
    step = _make("raise SystemExit('no such target')")

    with pytest.raises(EnvironmentalError, match="cannot make made") as error:
        _installer(threading.Event()).install(step, {"need": need}, tmp_path)

    assert error.value.code == "fetch-failed"
    assert error.value.found == "no such target"


def test_making_ends_when_it_is_told_to(need: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    step = _make("import time; time.sleep(600)")
    threading.Timer(1.0, stop.set).start()

    with nothing_survives(), pytest.raises(asyncio.CancelledError):
        _installer(stop).install(step, {"need": need}, tmp_path)


FETCHES = """
import asyncio, os, sys
from pathlib import Path
from miniseal.packager import Tool
from miniseal.pipeline.tools.cache import ToolCache
tool = Tool(name="sealtool", version="1.0", source="pypi", hashes=(sys.argv[2],))
asyncio.run(ToolCache(folder=Path(sys.argv[1]), environ=dict(os.environ)).fetch((tool,)))
print("done")
"""


def _wheel(folder: Path) -> str:
    """A wheel with many files; its hash."""
    path = folder / "sealtool-1.0-py3-none-any.whl"
    about = "sealtool-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for number in range(300):
            wheel.writestr(f"sealtool/part{number}.py", f"NUMBER = {number}\n" * 100)
        metadata = "Metadata-Version: 2.1\nName: sealtool\nVersion: 1.0\n"
        wheel.writestr(f"{about}/METADATA", metadata)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{about}/WHEEL", tags)
        wheel.writestr(f"{about}/RECORD", "")
    return "sha256:" + sha256(path.read_bytes()).hexdigest()


def test_processes_that_are_killed_leave_a_whole_tool_or_none(tmp_path: Path) -> None:
    digest, cache = _wheel(tmp_path), tmp_path / "cache"
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    words = [sys.executable, "-c", textwrap.dedent(FETCHES), str(cache), digest]
    tool = Tool(name="sealtool", version="1.0", source="pypi", hashes=(digest,))
    said: list[str] = []

    for step in range(8):  # a fetch lasts for a second or two
        first, second = (
            subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL) for _ in range(2)
        )
        time.sleep(0.25 + step * 0.25)
        first.kill()
        second.kill()
        first.wait()
        second.wait()
        places = list(cache.glob("*/sealtool"))
        assert all(len(list((place / "sealtool").iterdir())) == 300 for place in places)
    whole = ToolCache(folder=cache, environ=environ)
    place = asyncio.run(whole.fetch((tool,), log=said.append))["sealtool"]

    assert said == []
    assert sorted(path.name for path in place.parent.iterdir() if not _is_left(path)) == [
        *(".content.json", ".lock", "sealtool"),
    ]


def _is_left(path: Path) -> bool:
    """A killed process's scratch folder: it goes with the next change of the place."""
    return path.name.startswith(".scratch-")
