"""A real Dagger engine for tests: a process of this machine, without a container around it.

It runs in mount, network and process namespaces of its own, over a copy-on-write view of the
machine's files, with the programs and packages that `make services` installed. Its network has no
way out unless the test asks for one. It keeps everything (nothing is collected while a test looks)
and dies with the thread that started it, also when that is killed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["BaseImage", "DaggerEngineProcess", "DaggerTools"]

_INSIDE = Path(__file__).with_name("dagger.sh")
_READY_SECONDS = 60.0
_STOP_SECONDS = 10.0
_SOCKET_LIMIT = 107  # bytes of a path, sockaddr_un
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaggerTools:
    """What was built.

    Attributes:
        folder: with `dagger-engine`, `dagger-init` and `dnsname` for the engine, and `dagger`.
        version: of the engine.
    """

    folder: Path
    version: str

    @property
    def cli(self) -> Path:
        """The command that the SDK starts."""
        return self.folder / "dagger"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A small Debian with a shell and Python, for containers.

    Attributes:
        archive: an OCI layout in a tar file.
        digest: of the one manifest in it, `sha256:...`.
    """

    archive: Path
    digest: str


class DaggerEngineProcess:
    """An engine, started and stopped as often as a test likes; its cache survives a `stop`.

    Use it in a `with`: at the end it is stopped and what it wrote is gone.
    """

    def __init__(
        self,
        tools: DaggerTools,
        *,
        uplink: bool = False,
        state_limit_mb: int | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        """Make its folder; `start` starts it.

        Args:
            tools: what was built.
            uplink: whether its network has a way out (but not to this machine's loopback).
            state_limit_mb: its state is in memory, no larger than this, and gone when it ends.
            settings: members of `engine.json` beside those that switch the collection off.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="dagger-", dir="/tmp"))  # short
        self.socket = self.folder / "sock" / "engine.sock"
        self.log = self.folder / "engine.log"
        self._tools = tools
        self._uplink = uplink
        self._limit = state_limit_mb
        self._processes: list[subprocess.Popen[bytes]] = []
        self._cgroup = self.folder.name
        assert len(os.fsencode(self.socket)) <= _SOCKET_LIMIT
        for name in ("sock", "state"):
            (self.folder / name).mkdir()
        (self.folder / "engine.json").write_text(
            json.dumps({"logLevel": "info", "gc": {"enabled": False}} | (settings or {}))
        )
        # containers in a cgroup of this engine's own, which can be removed
        (self.folder / "worker.toml").write_text(
            f'[worker.oci]\ngc = false\ndefaultCgroupParent = "/{self._cgroup}"\n'
        )
        if uplink:
            (self.folder / "resolv.conf").write_text("nameserver 10.0.2.3\n")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def env(self) -> dict[str, str]:
        """What a client needs in its environment to use this engine, and no other."""
        return {
            "_EXPERIMENTAL_DAGGER_RUNNER_HOST": f"unix://{self.socket}",
            "_EXPERIMENTAL_DAGGER_CLI_BIN": str(self._tools.cli),
            "DO_NOT_TRACK": "1",
            "DAGGER_NO_NAG": "1",
        }

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return bool(self._processes) and self._processes[0].poll() is None

    @property
    def pid(self) -> int:
        """The engine itself, as this machine numbers it."""
        return next(_children(self._processes[0].pid))

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        assert not self._processes, "it runs"
        self.socket.unlink(missing_ok=True)
        limit = () if self._limit is None else (str(self._limit),)
        self._spawn(
            *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL"),
            *("--propagation", "private", "sh", str(_INSIDE)),
            *(str(self.folder), str(self._tools.folder), *limit),
            log=self.log,
        )
        end = time.monotonic() + _READY_SECONDS
        if self._uplink:
            self._connect_out(end)
        while not self._answers():
            self._wait_or_say_why(end)

    def stop(self) -> float:
        """End it as its users do: it writes its cache down first. The seconds that took."""
        begin = time.monotonic()
        with suppress(StopIteration, ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._processes[0].wait(_STOP_SECONDS)
        self._end()
        return time.monotonic() - begin

    def kill(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal; with SIGKILL it is gone with all its containers when this returns."""
        os.kill(self.pid, by)
        if by is signal.SIGKILL:
            self._end()

    def remove(self) -> None:
        """Stop it and remove what it wrote."""
        if self._processes:
            self.stop()
        for folder in sorted(Path("/sys/fs/cgroup").glob(f"*/{self._cgroup}"), reverse=True):
            _remove_cgroup(folder)
        _remove_cgroup(Path("/sys/fs/cgroup") / self._cgroup)
        shutil.rmtree(self.folder)

    def said(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    def _spawn(self, *words: str, log: Path) -> None:
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*_DIES_WITH_US, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._processes.append(process)

    def _connect_out(self, end: float) -> None:
        inside = None
        while inside is None:
            inside = next(_children(self._processes[0].pid), None)
            self._wait_or_say_why(end)
        self._spawn(
            *("slirp4netns", "--configure", "--mtu=1400", "--disable-host-loopback"),
            *(str(inside), "tap0"),
            log=self.folder / "uplink.log",
        )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def _wait_or_say_why(self, end: float) -> None:
        why = "ended" if not self.running else "does not answer"
        if not self.running or time.monotonic() > end:
            self._end()
            raise AssertionError(f"the Dagger engine {why}:\n{self.said()}")
        time.sleep(0.02)

    def _end(self) -> None:
        """Kill what is left; the engine is its namespace's first process, and takes all along."""
        with suppress(StopIteration, ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            self._processes[0].wait(_STOP_SECONDS)
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()


def _children(process: int) -> Iterator[int]:
    with suppress(FileNotFoundError):
        yield from map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())


def _remove_cgroup(folder: Path) -> None:
    for inner, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # a container that is still ending; empty folders do no harm
            Path(inner).rmdir()
