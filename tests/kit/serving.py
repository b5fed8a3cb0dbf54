"""Programs that serve a test, in a network of their own, with their files in one folder.

They were built by `make services`, reach nothing else, and die with the thread that started them.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Container, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

from kit.network import Network

__all__ = ["Services"]

_READY_SECONDS = 60.0
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


class Services:
    """The programs; use it in a `with`.

    Attributes:
        folder: of their files, gone at the end.
        at_end: what else ends with them.
    """

    def __init__(self, name: str) -> None:
        """Make the folder, which has `name` in its own."""
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.at_end = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._network = Network()

    def __enter__(self) -> Self:
        try:
            with self.inside():
                self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all of them, inside."""
        raise NotImplementedError

    @contextmanager
    def inside(self) -> Generator[None]:
        """This thread, and the processes and threads that it starts, reach the services."""
        with self._network.inside():
            yield

    def stop(self) -> None:
        """End the processes and remove what they wrote."""
        for process in self._processes.values():
            process.kill()  # a graceful end would wait for clients that keep connections
            process.wait()
        self._processes.clear()
        self.at_end.close()
        self._network.close()
        shutil.rmtree(self.folder)

    def said(self, name: str) -> str:
        """The end of a service's log."""
        return "\n".join((self.folder / f"{name}.log").read_text().splitlines()[-25:])

    def spawn(self, name: str, words: Sequence[str | Path], environ: Mapping[str, str]) -> None:
        """Start a program in the folder; `name` is the service's."""
        with (self.folder / f"{name}.log").open("wb") as out:
            self._processes[name] = subprocess.Popen(
                [*_DIES_WITH_US, *words],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def is_started(self, name: str) -> bool:
        """Whether a service was started."""
        return name in self._processes

    def wait(
        self, name: str, connect: Callable[[], HTTPConnection], path: str, ready: Container[int]
    ) -> bytes:
        """What a service answers as soon as it does, with one of the statuses `ready`."""
        end = time.monotonic() + _READY_SECONDS
        while True:
            status, body = _ask(connect(), path)
            if status in ready:
                return body
            ended = self._processes[name].poll() is not None
            if ended or time.monotonic() > end:
                why = "ended" if ended else f"says {status}"
                raise AssertionError(f"{name} {why}:\n{self.said(name)}")
            time.sleep(0.02)


def _ask(connection: HTTPConnection, path: str) -> tuple[int, bytes]:
    """A status and a body; 0 where nobody listens."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()
