"""What goes wrong around a Dagger engine: one clear error each, and never a hang.

The bound asserted is no measure of speed: it is far below the minutes for which Dagger's command
line and its SDK wait by themselves.
"""

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import graphql
import pytest

from kit.dagger import BaseImage as Image
from kit.dagger import DaggerEngineProcess, DaggerTools
from miniseal.formats.errors import MinisealError
from miniseal.packager.image import platform
from miniseal.packager.lock import OCI_ARCHIVE, BaseImage
from miniseal.pipeline.engines import Exec, Result
from miniseal.pipeline.engines.dagger import DaggerEngine
from miniseal.pipeline.engines.dagger.cli import HOST, PORT, TOKEN

pytestmark = pytest.mark.services

BOUND = 15.0
PROGRAM = "_EXPERIMENTAL_DAGGER_CLI_BIN"


def pinned(image: Image) -> list[BaseImage]:
    return [BaseImage(name=OCI_ARCHIVE, digest=image.digest, platform=platform())]


@pytest.fixture(scope="module")
def environ(dagger_engine: DaggerEngineProcess) -> dict[str, str]:
    return {**os.environ, **dagger_engine.env()}


@pytest.fixture
def own(dagger_tools: DaggerTools) -> Iterator[DaggerEngineProcess]:
    """An engine for one test, which may do to it what it likes."""
    with DaggerEngineProcess(dagger_tools) as engine:
        yield engine


def run(engine: DaggerEngine, *argv: str, **options: Any) -> Result:
    return asyncio.run(engine.run(Exec(argv=argv, **{"timeout_seconds": 60.0} | options)))


@contextmanager
def bounded() -> Generator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < BOUND


def failure(work: Callable[[], object]) -> MinisealError:
    with bounded(), pytest.raises(MinisealError) as error:
        work()
    return error.value


def in_vain(environ: dict[str, str], image: Image, **options: Any) -> MinisealError:
    """What a command fails with, on an engine that is closed after it."""
    settings: dict[str, Any] = {"images": pinned(image), "archive": image.archive} | options

    def work() -> None:
        with DaggerEngine(settings.pop("images"), environ=environ, **settings) as engine:
            run(engine, "true")

    return failure(work)


def program(folder: Path, script: str) -> str:
    """A command line that does something else."""
    path = folder / "dagger"
    path.write_text(
        f'#!/bin/sh\n[ "$1" != version ] || {{ echo "dagger v0.21.8"; exit; }}\n{script}'
    )
    path.chmod(0o755)
    return str(path)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_without_a_command_line(environ: dict[str, str], base_image: Image, tmp_path: Path) -> None:
    error = in_vain({**environ, PROGRAM: "", "PATH": str(tmp_path)}, base_image)

    assert error.code == "dagger-missing"


def test_with_a_command_line_that_is_not_there(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    error = in_vain({**environ, PROGRAM: str(tmp_path / "dagger")}, base_image)

    assert error.code == "dagger-missing"
    assert error.found == str(tmp_path / "dagger")


def test_with_a_command_line_that_does_not_run(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    (tmp_path / "dagger").write_text("no program")
    (tmp_path / "dagger").chmod(0o755)

    error = in_vain({**environ, PROGRAM: str(tmp_path / "dagger")}, base_image)

    assert error.code == "dagger-missing"


@pytest.mark.parametrize("version", ["v0.21.7", "v0.22.0", "v0.21.8-rc.1", "v1.0.0", "devel", ""])
def test_with_a_command_line_of_another_version(
    environ: dict[str, str], base_image: Image, tmp_path: Path, version: str
) -> None:
    other = tmp_path / "dagger"
    other.write_text(f"#!/bin/sh\necho dagger {version}\n")
    other.chmod(0o755)

    error = in_vain({**environ, PROGRAM: str(other)}, base_image)

    assert error.code == "dagger-version"
    assert error.found == (version or "unknown")


def test_with_an_engine_of_another_version(base_image: Image) -> None:
    schema = graphql.build_schema("type Query { version: String! }")

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            query = json.loads(self.rfile.read(size))["query"]
            result = graphql.graphql_sync(schema, query, {"version": "v0.20.3"})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(result.formatted).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        error = in_vain({PORT: str(server.server_port), TOKEN: "t"}, base_image)
        server.shutdown()

    assert error.code == "dagger-version"
    assert error.found == "v0.20.3"


def test_with_a_socket_that_is_not_there(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    error = in_vain({**environ, HOST: f"unix://{tmp_path}/no.sock"}, base_image)

    assert error.code == "dagger-unreachable"


def test_with_a_socket_that_nobody_listens_on(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))

    error = in_vain({**environ, HOST: f"unix://{tmp_path}/s"}, base_image)

    assert error.code == "dagger-unreachable"


def test_with_a_port_that_nobody_listens_on(environ: dict[str, str], base_image: Image) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

    error = in_vain({**environ, HOST: f"tcp://127.0.0.1:{port}"}, base_image)

    assert error.code == "dagger-unreachable"


def test_with_a_session_that_has_ended(base_image: Image) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

    error = in_vain({PORT: str(port), TOKEN: "t"}, base_image)

    assert error.code == "engine-failed"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no engine for you >&2; exit 3", "no engine for you"),
        ("echo hello", "hello"),
        ('echo \'{"port": "x"}\'', "port"),
        ("echo waiting >&2; sleep 1000", "waiting"),
        ("trap '' TERM; echo waiting >&2; sleep 1000 & wait; sleep 1000", "waiting"),
    ],
    ids=["ends", "says something else", "says half", "says nothing", "does not want to end"],
)
def test_with_a_session_that_does_not_start(
    environ: dict[str, str], base_image: Image, tmp_path: Path, script: str, said: str
) -> None:
    environ = {**environ, PROGRAM: program(tmp_path, script)}

    error = in_vain(environ, base_image, start_seconds=2.0)

    assert error.code == "engine-failed"
    assert said in (error.found or "")


def test_with_an_engine_that_does_not_answer(own: DaggerEngineProcess, base_image: Image) -> None:
    own.kill(signal.SIGSTOP)
    try:
        error = in_vain({**os.environ, **own.env()}, base_image, start_seconds=3.0)
    finally:
        own.kill(signal.SIGCONT)

    assert error.code == "engine-failed"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_when_the_engine_is_killed_in_the_middle(
    own: DaggerEngineProcess, base_image: Image, how: signal.Signals
) -> None:
    engine = DaggerEngine(
        pinned(base_image), environ={**os.environ, **own.env()}, archive=base_image.archive
    )
    with engine:
        run(engine, "true")
        child = engine._session.child
        timer = threading.Timer(1.5, own.kill, [how])
        timer.start()
        error = failure(lambda: run(engine, "sleep", "300", timeout_seconds=300.0))
        timer.join()
        after = failure(lambda: run(engine, "true"))
        begin = time.monotonic()
    assert time.monotonic() - begin < BOUND

    assert (error.code, after.code) == ("engine-failed", "engine-failed")
    assert child is not None
    assert gone(child)


def test_when_the_engine_stops_answering_in_the_middle(
    own: DaggerEngineProcess, base_image: Image
) -> None:
    engine = DaggerEngine(
        pinned(base_image), environ={**os.environ, **own.env()}, archive=base_image.archive
    )

    async def cancelled() -> None:
        task = asyncio.create_task(engine.run(Exec(argv=("sleep", "300"))))
        await asyncio.sleep(2)
        own.kill(signal.SIGSTOP)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with engine:
        run(engine, "true")
        with bounded():
            asyncio.run(cancelled())
        begin = time.monotonic()
    own.kill(signal.SIGCONT)
    assert time.monotonic() - begin < BOUND


def test_when_the_command_line_is_killed_in_the_middle(
    environ: dict[str, str], base_image: Image
) -> None:
    with DaggerEngine(pinned(base_image), environ=environ, archive=base_image.archive) as engine:
        run(engine, "true")
        child = engine._session.child
        assert child is not None
        timer = threading.Timer(1.0, os.kill, [child, signal.SIGKILL])
        timer.start()
        error = failure(lambda: run(engine, "sleep", "300", timeout_seconds=300.0))
        timer.join()

    assert error.code == "engine-failed"


def test_when_the_disk_is_full(
    dagger_tools: DaggerTools, base_image: Image, tmp_path: Path
) -> None:
    from miniseal.pipeline.engines import Mount

    (tmp_path / "large").write_bytes(os.urandom(64 * 1024 * 1024))
    inputs = (Mount(path="/build/in", host=tmp_path),)
    with (
        DaggerEngineProcess(dagger_tools, state_limit_mb=220) as small,
        DaggerEngine(
            pinned(base_image),
            environ={**os.environ, **small.env()},
            archive=base_image.archive,
        ) as engine,
    ):
        error = failure(lambda: run(engine, "true", inputs=inputs))

    assert error.code == "engine-failed"
    assert "no space left" in error.message


def test_with_a_disk_too_small_for_the_base_image(
    dagger_tools: DaggerTools, base_image: Image
) -> None:
    with DaggerEngineProcess(dagger_tools, state_limit_mb=40) as small:
        error = in_vain({**os.environ, **small.env()}, base_image)

    assert error.code == "engine-failed"
    assert "no space left" in error.message


def test_with_an_image_that_cannot_be_had(environ: dict[str, str], base_image: Image) -> None:
    image = BaseImage(
        name="registry.example.invalid/base", digest=base_image.digest, platform=platform()
    )

    error = in_vain(environ, base_image, images=[image], archive=None)

    assert error.code == "base-image-unavailable"
    assert "registry.example.invalid/base@sha256:" in error.message


def test_with_an_archive_that_nobody_brings(environ: dict[str, str], base_image: Image) -> None:
    error = in_vain(environ, base_image, archive=None)

    assert error.code == "base-image-unavailable"


def test_with_an_archive_that_is_not_there(
    environ: dict[str, str], base_image: Image, tmp_path: Path
) -> None:
    error = in_vain(environ, base_image, archive=tmp_path / "image.tar")

    assert error.code == "base-image-unavailable"


def test_with_another_archive_than_the_one_that_is_pinned(
    environ: dict[str, str], base_image: Image
) -> None:
    image = BaseImage(name=OCI_ARCHIVE, digest=f"sha256:{'0' * 64}", platform=platform())

    error = in_vain(environ, base_image, images=[image])

    assert error.code == "base-image-mismatch"
    assert error.found == base_image.digest


def test_without_a_base_image(environ: dict[str, str], base_image: Image) -> None:
    image = BaseImage(name=OCI_ARCHIVE, digest=base_image.digest, platform="linux/other")

    error = in_vain(environ, base_image, images=[image])

    assert error.code == "base-image-missing"
    assert "miniseal lock --base-image" in (error.hint or "")


def test_with_an_archive_whose_layer_was_changed(
    own: DaggerEngineProcess, base_image: Image, tmp_path: Path
) -> None:
    data = bytearray(base_image.archive.read_bytes())
    at = data.index(b"/bin/sh\n")  # in the layer, /etc/passwd
    data[at : at + 8] = b"/bin/no\n"
    (tmp_path / "image.tar").write_bytes(data)

    error = in_vain({**os.environ, **own.env()}, base_image, archive=tmp_path / "image.tar")

    assert error.code == "digest-mismatch"


def test_closing_twice_and_without_a_session_does_nothing(
    environ: dict[str, str], base_image: Image
) -> None:
    engine = DaggerEngine(pinned(base_image), environ=environ, archive=base_image.archive)
    with bounded(), engine:
        pass
    with bounded(), engine:
        pass
