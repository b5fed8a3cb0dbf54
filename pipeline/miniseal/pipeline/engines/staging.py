"""The host's side of a sandbox: copies of writable inputs, empty outputs, and their removal.

A writable input is a copy, so the host's folder stays as it is; an output is a fresh folder, or one
inside such a copy. Without isolation the same tree is laid out below a scratch folder, and the
sandbox paths in the command's words are rewritten to lie there.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path, PurePosixPath

from miniseal.pipeline.engines.engine import Exec, Mount
from miniseal.pipeline.engines.process import ENGINE_FAILED
from miniseal.pipeline.engines.sandbox import Step

__all__ = ["host_path", "mounts", "relocate", "remove", "way"]


def mounts(command: Exec, stage: Path) -> tuple[Step, ...]:
    """Bind mounts for the inputs and outputs of `command`; copies and folders go below `stage`.

    Raises:
        EnvironmentalError: `engine-failed`.
        OSError: an input cannot be read, or the disk is full.
    """
    steps: list[Step] = []
    for number, mount in enumerate(command.inputs):
        host = mount.host.resolve(strict=True)
        if mount.writable:
            host = _copy(host, stage / f"input{number}", mount.modified)
        steps.append(Step("rw" if mount.writable else "ro", mount.path, str(host)))
    for number, path in enumerate(command.outputs):
        inside = host_path(path, steps)
        if any(part.is_symlink() for part in way(path, steps)):
            raise ENGINE_FAILED(f"{path} lies behind a link of an input")
        host = inside or stage / f"output{number}"
        host.mkdir(parents=True, exist_ok=True)
        if inside is None:
            host.chmod(0o755)
            steps.append(Step("rw", path, str(host)))
    return tuple(steps)


def host_path(path: str, steps: Sequence[Step]) -> Path | None:
    """Where a writable path of the sandbox is on the host; None where no such mount holds it."""
    found = way(path, steps)
    return found[-1] if found else None


def way(path: str, steps: Sequence[Step]) -> tuple[Path, ...]:
    """From the host's side of a writable mount to what `host_path` gives, each part on the way."""
    for step in reversed(steps):
        if path == step.path or path.startswith(step.path + "/"):
            parts = PurePosixPath(path).relative_to(step.path).parts
            joined = accumulate(parts, Path.joinpath, initial=Path(step.source))
            return tuple(joined) if step.kind == "rw" else ()
    return ()


def relocate(command: Exec, stage: Path) -> tuple[Exec, tuple[Step, ...]]:
    """Lay the inputs and outputs out below `stage`, and point the command's words there.

    Raises:
        OSError: an input cannot be read, or the disk is full.
    """
    paths = [*(mount.path for mount in command.inputs), *command.outputs]
    steps: list[Step] = []
    for mount in command.inputs:
        target = Path(f"{stage}{mount.path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(mount, target)
        steps.append(Step("rw" if mount.writable else "ro", mount.path, str(target)))
    for path in command.outputs:
        Path(f"{stage}{path}").mkdir(parents=True, exist_ok=True)
        steps.append(Step("rw", path, f"{stage}{path}"))
    words = _rewriter(_with_parents(paths), stage)
    moved = replace(
        command,
        argv=tuple(map(words, command.argv)),
        env={name: words(value) for name, value in command.env.items()},
        cwd=words(command.cwd),
    )
    return moved, tuple(steps)


def _place(mount: Mount, target: Path) -> None:
    host = mount.host.resolve(strict=True)
    if mount.writable:
        _copy(host, target, mount.modified)
    elif host.is_dir():  # links to each file, since many a tool does not follow one to a folder
        shutil.copytree(host, target, symlinks=True, dirs_exist_ok=True, copy_function=_link)
    else:
        target.symlink_to(host)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or links to other people's files are forbidden
        shutil.copy2(source, target)


def _with_parents(paths: list[str]) -> list[str]:
    """`paths` and their parents, less those that are folders of the host too."""
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return [*paths, *(parent for parent in parents if not Path(parent).exists())]


def _rewriter(paths: list[str], stage: Path) -> Callable[[str], str]:
    longest_first = sorted(paths, key=len, reverse=True)
    pattern = re.compile(
        r"(?<![\w./-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w.-])"
    )

    def rewrite(word: str) -> str:
        return pattern.sub(lambda match: f"{stage}{match[1]}", word) if paths else word

    return rewrite


def _copy(source: Path, target: Path, modified: int) -> Path:
    """Copy a tree with modes and times that say nothing about this machine."""
    copy_file = partial(_copy_file, modified=modified)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=copy_file)
        for folder, _, _ in os.walk(target, topdown=False):
            Path(folder).chmod(0o755)
            os.utime(folder, (modified, modified))
    else:
        copy_file(str(source), str(target))
    return target


def _copy_file(source: str, target: str, *, modified: int) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if Path(source).stat().st_mode & 0o100 else 0o644)
    os.utime(target, (modified, modified))


def remove(folder: Path) -> None:
    """Remove a folder whose contents may have taken their own permissions away.

    What is nested goes side by side first: it may be deeper than a path can say, or than a
    function can call itself.
    """
    flat = Path(tempfile.mkdtemp(dir=folder.parent))
    with contextlib.suppress(OSError):
        _flatten(folder, flat)
    for emptied in (flat, folder):
        shutil.rmtree(emptied, ignore_errors=True)


def _flatten(folder: Path, flat: Path) -> None:
    """Move every folder below `folder` into `flat`."""
    _make_writable(folder)
    pending, moved = [folder], 0
    while pending:
        with os.scandir(pending.pop()) as entries:
            folders = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
        for child in folders:
            _make_writable(child)
            pending.append(child.rename(flat / str(moved)))
            moved += 1


def _make_writable(folder: Path) -> None:
    folder.chmod(folder.stat().st_mode | 0o700)
