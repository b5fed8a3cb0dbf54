"""What a step asks of an engine: this command, these inputs, these outputs.

An `Exec` names everything a command may see; an `Engine` runs it and gives back what it printed
and the output folders. An exit code is a fact for the caller to judge, never an error here.
Nothing here runs anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

__all__ = [
    "EPOCH",
    "OUTPUT_LIMIT",
    "STREAM_LIMIT",
    "Description",
    "Engine",
    "Exec",
    "Image",
    "Log",
    "Mount",
    "Result",
]

Log = Callable[[str], None]
"""Is told each line of a command's output while it runs, without its end."""

EPOCH = 315_532_800
"""1980-01-01, the first day that a zip file can hold: when nothing else is said, it is then."""
OUTPUT_LIMIT = 256 * 1024 * 1024
STREAM_LIMIT = 100 * 1024
_SAID = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A host folder or file that the command sees.

    Attributes:
        path: where it is in the sandbox; absolute.
        host: where it is on the host.
        writable: the command works on a copy; the host's own is never written.
        modified: when the copy's files and folders were changed last, seconds since 1970.
    """

    path: str
    host: Path
    writable: bool = False
    modified: int = EPOCH

    def __post_init__(self) -> None:
        """Refuse a path that is not plain and absolute."""
        _check_path(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec:
    """One command with all that it depends on.

    Attributes:
        argv: the command; `argv[0]` is a path in the sandbox or a name on `/usr/bin:/bin`.
        env: added to the engine's fixed environment (`PATH`, `LANG`, `TZ`); nothing is inherited.
        inputs: what is mounted, in this order; a later mount may lie inside an earlier one.
        outputs: folders of the sandbox that are copied out when the command's processes are gone.
        cwd: the folder it starts in.
        network: whether it shares the host's network; cut otherwise.
        timeout_seconds: after which everything is killed.
        output_limit: how many bytes all outputs together may hold.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict[str, str])
    inputs: tuple[Mount, ...] = ()
    outputs: tuple[str, ...] = ()
    cwd: str = "/"
    network: bool = False
    timeout_seconds: float = 600.0
    output_limit: int = OUTPUT_LIMIT

    def __post_init__(self) -> None:
        """Refuse an empty command and paths that are not plain and absolute."""
        if not self.argv:
            raise ValueError("argv is empty")
        for path in (self.cwd, *self.outputs):
            _check_path(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command left behind.

    Attributes:
        exit_code: 0 to 255; 128 + n where signal n ended it; 127 where it was not found.
        stdout: its last `STREAM_LIMIT` bytes.
        stderr: its last `STREAM_LIMIT` bytes.
        outputs: a host folder for each of `Exec.outputs`, holding regular files and folders only;
            it lives as long as the engine.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    outputs: dict[str, Path]

    @property
    def said(self) -> str:
        """The end of what it printed, for an error."""
        text = (self.stdout + self.stderr)[-_SAID:].decode("utf-8", "replace").strip()
        return text or "no output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container image that commands run in.

    Attributes:
        name: where it is from, without tag and digest.
        digest: of its manifest, `sha256:` + 64 hex.
    """

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What provenance says of an engine.

    Attributes:
        name: `local` or `dagger`.
        isolation: what keeps a command from the host: its files, its network and its processes;
            None where nothing does.
        version: of the engine, where it has one of its own and is known.
        images: what commands run in, apart from what they are given.
    """

    name: str
    isolation: str | None
    version: str | None = None
    images: tuple[Image, ...] = ()

    @property
    def isolated(self) -> bool:
        """Whether a command is kept from the host."""
        return self.isolation is not None


class Engine(Protocol):
    """Something that runs commands."""

    @property
    def python(self) -> str:
        """The path of a Python interpreter in the sandbox."""
        ...

    def describe(self) -> Description:
        """What it is; the version may be known only after the first command."""
        ...

    async def run(
        self,
        exec: Exec,  # noqa: A002 - the word of the protocol
        log: Log | None = None,
    ) -> Result:
        """Run one command; cancelling it kills every process it started.

        Lines of output go to `log` as they come, where the engine can: what is kept of them is in
        the result in any case.

        Raises:
            EnvironmentalError: `engine-failed`, `exec-timeout`.
            VerificationError: `output-missing`, `output-refused`.
        """
        ...


def _check_path(path: str) -> None:
    plain = path.startswith("/") and not path.startswith("//") and ".." not in path.split("/")
    if not plain or str(PurePosixPath(path)) != path:
        raise ValueError(f"not a plain absolute path: {path!r}")
