"""Dagger's command line as a child of ours: found, its version known, started, and always ended.

The SDK would download a command line that it does not find and wait for one that does not end.
Here it is one that is installed, in a session of its own, and killed where it does not end.
Whoever runs inside `dagger run` has a session already: then nothing is started.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.pipeline.engines.process import ENGINE_FAILED

__all__ = [
    "DAGGER_MISSING",
    "DAGGER_UNREACHABLE",
    "DAGGER_VERSION",
    "HOST",
    "PORT",
    "TOKEN",
    "Child",
    "Params",
    "check_version",
    "configured",
    "find",
    "is_direct",
    "joined",
    "reach",
    "version_of",
]

DAGGER_MISSING = Code(
    "dagger-missing",
    EnvironmentalError,
    meaning="Dagger's command line is not installed",
    cause="there is no `dagger` on PATH, and _EXPERIMENTAL_DAGGER_CLI_BIN names none",
    remedy="install Dagger 0.21.8 or a later 0.21; nothing is downloaded at a release",
)
DAGGER_UNREACHABLE = Code(
    "dagger-unreachable",
    EnvironmentalError,
    meaning="no Dagger engine answers where one is configured",
    cause="the engine is not running, or _EXPERIMENTAL_DAGGER_RUNNER_HOST names another place",
    remedy="start the engine; `miniseal doctor` tries to reach it",
)
DAGGER_VERSION = Code(
    "dagger-version",
    EnvironmentalError,
    meaning="Dagger is of a version that Miniseal was not tried with",
    cause="an engine or a command line that is older than 0.21.8, or 0.22 and newer",
    remedy="install Dagger 0.21.8 or a later 0.21, the engine and the command line alike",
)

HOST = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
PORT = "DAGGER_SESSION_PORT"
TOKEN = "DAGGER_SESSION_TOKEN"  # noqa: S105 - the name of a variable
_PROGRAM = "_EXPERIMENTAL_DAGGER_CLI_BIN"
_FIRST, _END = (0, 21, 8), (0, 22, 0)
_OWN = "MINISEAL_"
_QUIET = {"DO_NOT_TRACK": "1", "DAGGER_NO_NAG": "1", "DAGGER_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
_VERSION_SECONDS = 10.0
_REACH_SECONDS = 2.0
_LINE_LIMIT = 4096
_SAID_LINES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How to speak to a session.

    Attributes:
        port: on the loopback.
        token: what the session asks for.
    """

    port: int
    token: str

    @classmethod
    def from_line(cls, line: bytes) -> "Params":
        """Read the one line that a session prints when it is ready.

        Raises:
            EnvironmentalError: `engine-failed`.
        """
        try:
            values = json.loads(line)
            return cls(port=int(values["port"]), token=str(values["session_token"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ENGINE_FAILED(
                "dagger's session says nothing that is understood", found=repr(line[:200])
            ) from error


def configured(environ: Mapping[str, str]) -> bool:
    """Whether this environment has a session, or names an engine."""
    return joined(environ) is not None or bool(environ.get(HOST))


def joined(environ: Mapping[str, str]) -> Params | None:
    """The session that `dagger run` has opened around this process.

    Raises:
        EnvironmentalError: `engine-failed`, if its variables are not what they should be.
    """
    port, token = environ.get(PORT), environ.get(TOKEN)
    if not port or not token:
        return None
    return Params.from_line(json.dumps({"port": port, "session_token": token}).encode())


def find(environ: Mapping[str, str]) -> str:
    """The command line's path.

    Raises:
        EnvironmentalError: `dagger-missing`.
    """
    named = environ.get(_PROGRAM)
    found = shutil.which(named or "dagger", path=environ.get("PATH", os.defpath))
    if found is None:
        raise DAGGER_MISSING("there is no dagger command", found=named or "none on PATH")
    return found


def version_of(program: str, environ: Mapping[str, str]) -> str:
    """What the command line calls its version.

    Raises:
        EnvironmentalError: `dagger-missing`, if it cannot be run.
    """
    try:
        done = subprocess.run(
            [program, "version"],
            env=_environment(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise DAGGER_MISSING(f"{program} does not run: {error}") from error
    words = done.stdout.decode("utf-8", "replace").split()
    return words[1] if len(words) > 1 else "unknown"


def check_version(version: str, what: str) -> None:
    """Refuse a version that was not tried.

    Raises:
        EnvironmentalError: `dagger-version`.
    """
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?![\w-])", version)
    if match is None or not _FIRST <= tuple(map(int, match.groups())) < _END:
        raise DAGGER_VERSION(
            f"{what} has a version that was not tried",
            found=version[:100],
            expected="0.21.8 or a later 0.21",
        )


def reach(environ: Mapping[str, str]) -> str:
    """Connect to the configured engine once, where that is possible; what was reached.

    The command line itself tries a dead socket for minutes without a word.

    Raises:
        EnvironmentalError: `dagger-unreachable`.
    """
    host = environ.get(HOST, "")
    address = urlsplit(host)
    try:
        if address.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(_REACH_SECONDS)
                client.connect(address.netloc + address.path)
        elif address.scheme in {"tcp", "tls"}:
            place = (address.hostname or "", address.port or 0)
            with socket.create_connection(place, timeout=_REACH_SECONDS):
                pass
    except (OSError, ValueError) as error:
        raise DAGGER_UNREACHABLE(f"no Dagger engine answers: {error}", found=host) from error
    return host or "the command line's own engine"


def is_direct(environ: Mapping[str, str]) -> bool:
    """Whether the engine runs already, so that a session needs moments and not a download."""
    return urlsplit(environ.get(HOST, "")).scheme in {"unix", "tcp", "tls"}


class Child:
    """`dagger session`: it lives until its standard input is closed, or until it is killed."""

    def __init__(self, program: str, environ: Mapping[str, str], folder: Path) -> None:
        """Start it in `folder`, where it finds no module to load.

        Raises:
            EnvironmentalError: `dagger-missing`.
        """
        try:
            process = subprocess.Popen(
                [program, "session", "--skip-workspace-modules", "--progress", "plain"],
                env=_environment(environ),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise DAGGER_MISSING(f"{program} does not run: {error}") from error
        self._process = process
        self._in, self._out, self._err = map(
            _there, (process.stdin, process.stdout, process.stderr)
        )
        self._said: deque[str] = deque(maxlen=_SAID_LINES)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        while line := self._err.readline(_LINE_LIMIT):
            self._said.append(line.decode("utf-8", "replace").rstrip())

    @property
    def pid(self) -> int:
        """Its process, which also is its process group."""
        return self._process.pid

    def params(self) -> Params:
        """Wait for the line that says how to speak to it; `kill` ends the waiting.

        Raises:
            EnvironmentalError: `engine-failed`.
        """
        line = self._out.readline(_LINE_LIMIT)
        if not line:
            raise ENGINE_FAILED("dagger's session did not start", found=self.said())
        return Params.from_line(line)

    def said(self) -> str:
        """The end of what it told on stderr."""
        self._reader.join(0.2)
        return "\n".join(self._said)[-2000:].strip() or "nothing said"

    def kill(self) -> None:
        """End it and what it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self, seconds: float) -> None:
        """End it as it wants to be ended, and kill it if that takes longer than `seconds`."""
        with contextlib.suppress(OSError):
            self._in.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()
        self._process.wait()
        self._reader.join(1.0)
        for stream in (self._out, self._err):
            stream.close()


def _there(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("a pipe that was asked for")
    return stream


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without Miniseal's own variables: they are no engine's business."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_OWN)}
    return kept | _QUIET
