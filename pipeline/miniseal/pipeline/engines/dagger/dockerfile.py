"""An `Exec` as a Dockerfile, and the folders of the build context that it copies and mounts.

Of the base image the same folders as of the host in the local sandbox, and nothing of its settings;
what may only be read as read-only mounts; what may be written as copies that belong to the
command's user; then one command without a network. Words and environment of the command are not in
it: they are in the plan that `inside.py` reads. Nothing here talks to an engine.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from miniseal.pipeline.engines import sandbox
from miniseal.pipeline.engines.process import ENGINE_FAILED
from miniseal.pipeline.engines.sandbox import Step

__all__ = [
    "ACCOUNTS",
    "ANSWER",
    "BASE",
    "LEFT",
    "LINES",
    "OWNER",
    "PROGRAM",
    "PYTHON",
    "Item",
    "items",
    "text",
]

PYTHON = "/usr/bin/python3"
"""Where a base image has its interpreter."""
BASE, ACCOUNTS, PROGRAM, LEFT = "base", "accounts", "program", "left"
"""Folders of the context, beside those of the items."""
ANSWER = f"/run/miniseal/{LEFT}/answer.json"
"""Where a container leaves what there is to know of its command."""
LINES = "/run/miniseal/lines"
"""Where a container has the socket for what its command prints."""
OWNER = f"{sandbox.IDENTITY}:{sandbox.IDENTITY}"

_PROGRAM = f"/run/miniseal/{PROGRAM}"
# Nothing that a Dockerfile or the options of a mount could take for something else.
_PLAIN = re.compile(r"/[A-Za-z0-9._/@+~-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An input or output of a command.

    Attributes:
        name: its place in the context.
        path: its place in the container.
        host: its place here.
        writable: it is copied; it is mounted otherwise.
    """

    name: str
    path: str
    host: Path
    writable: bool

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, not one file."""
        return self.host.is_dir()


def items(steps: Sequence[Step], stage: Path) -> tuple[Item, ...]:
    """The bind mounts of a sandbox as items of a context; those to be written lie below `stage`.

    Raises:
        EnvironmentalError: `engine-failed`, for what a container cannot have.
    """
    found: list[Item] = []
    for number, step in enumerate(steps):
        if not _PLAIN.fullmatch(step.path):
            raise ENGINE_FAILED("a path is too unusual for a container", found=repr(step.path))
        writable = step.kind == "rw"
        if writable and any(_lies_in(step.path, item) for item in found if not item.writable):
            raise ENGINE_FAILED(
                "a container writes nothing inside of a read-only folder", found=step.path
            )
        host = Path(step.source)
        name = str(host.relative_to(stage)) if writable else f"item{number}"
        found.append(Item(name=name, path=step.path, host=host, writable=writable))
    return tuple(found)


def _lies_in(path: str, item: Item) -> bool:
    return path == item.path or path.startswith(f"{item.path}/")


def text(placed: Sequence[Item], system: Sequence[str], *, lines: bool = False) -> str:
    """The Dockerfile for these items, over these folders and files of the base image.

    Args:
        placed: inputs and outputs.
        system: paths of the base image.
        lines: whether a socket is forwarded, for what the command prints.
    """
    copies = [_copy(ACCOUNTS, "/etc", folder=True)]
    copies.append(_copy(LEFT, str(PurePosixPath(ANSWER).parent), folder=True, own=True))
    copies += [
        _copy(item.name, item.path, folder=item.is_folder, own=True)
        for item in placed
        if item.writable
    ]
    mounts = ["--mount=type=tmpfs,target=/tmp", _mount(PROGRAM, _PROGRAM)]
    mounts += [_mount(f"{BASE}{path}", path) for path in system]
    mounts += [_mount(item.name, item.path) for item in placed if not item.writable]
    if lines:
        owner = f"uid={sandbox.IDENTITY},gid={sandbox.IDENTITY}"
        mounts.append(f"--mount=type=ssh,target={LINES},{owner},mode=0600")
    command = f'["{PYTHON}", "-I", "-S", "-B", "{_PROGRAM}/inside.py"]'
    run = " ".join(["RUN --network=none", *mounts, command])
    return "\n".join(["FROM scratch", *copies, f"USER {OWNER}", run, ""])


def _copy(name: str, path: str, *, folder: bool, own: bool = False) -> str:
    owner = f" --chown={OWNER}" if own else ""
    end = "/" if folder else ""
    return f'COPY{owner} ["{name}{end}", "{path.rstrip("/")}{end}"]'


def _mount(name: str, path: str) -> str:
    return f"--mount=type=bind,source={name},target={path}"
