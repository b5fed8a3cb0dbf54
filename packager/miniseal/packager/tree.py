"""The source tree: which files a build sees, and one digest over their names and content.

The digest depends on nothing else: not on times, modes, order or place. Only regular files count; a
link to a file of the tree counts as that file. Version control, installed dependencies and what
builds leave behind are not part of a tree, and no link brings them in: a commit says nothing of
them. Nothing here writes but `Tree.copy`.
"""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError, UsageError
from miniseal.formats.strictjson import canonical

__all__ = [
    "FILES_LIMIT",
    "PATH_ESCAPES",
    "PATH_REFUSED",
    "PROJECT_CHANGED",
    "PROJECT_TOO_LARGE",
    "PROJECT_UNREADABLE",
    "TREE_LIMIT",
    "Tree",
    "TreeFile",
]

TREE_LIMIT = 256 * 1024 * 1024
"""Bytes of all files together."""
FILES_LIMIT = 20_000
"""Files and folders."""

PATH_ESCAPES = Code(
    "path-escapes",
    UsageError,
    meaning="a path of a project leads out of the project's folder",
    cause="`..`, an absolute path, or a symbolic link to somewhere else",
    remedy="copy what is needed into the project and name it by a relative path",
)
PATH_REFUSED = Code(
    "path-refused",
    UsageError,
    meaning="a project has something that cannot be part of a source tree",
    cause="a pipe, socket or device, a link to a folder, a name that is not the same everywhere, "
    "or two names that differ only in case",
    remedy="remove or rename what the message names",
)
PROJECT_TOO_LARGE = Code(
    "project-too-large",
    UsageError,
    meaning="a project has more files, or more bytes in them, than a source tree may have",
    cause="build outputs, downloads or recordings that do not belong to the source",
    remedy="move out of the project what the program is not built from",
)
PROJECT_UNREADABLE = Code(
    "project-unreadable",
    EnvironmentalError,
    meaning="a file or folder of a project could not be read",
    cause="missing permissions, a folder that is not there, or a failing disk",
    remedy="make the project readable for the user who builds it",
)
PROJECT_CHANGED = Code(
    "project-changed",
    EnvironmentalError,
    meaning="a file of the project changed while it was being read",
    cause="an editor, a watcher or another build at work in the same folder",
    remedy="run again when nothing writes to the project",
)

_DEPTH_LIMIT = 64
_CHUNK = 1 << 20
_NEVER = frozenset({".git", ".hg", ".svn", ".venv", ".miniseal", "__pycache__", "node_modules"})
_OUTPUTS = frozenset({"build", "dist", "target"})
_LAYOUT = "oci-layout"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """One file.

    Attributes:
        path: relative, segments joined by `/`.
        digest: of its content.
        size: in bytes.
    """

    path: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """All files of a folder, sorted by the bytes of their paths.

    Attributes:
        root: the folder; not part of the digest.
        files: what is in it.
    """

    root: Path
    files: tuple[TreeFile, ...]

    @classmethod
    def scan(cls, root: Path, *, limit: int = TREE_LIMIT, most: int = FILES_LIMIT) -> "Tree":
        """Read every file of `root`.

        Args:
            root: a folder.
            limit: bytes of all files together, checked before any is read.
            most: files and folders.

        Raises:
            UsageError: `path-escapes`, `path-refused`, `project-too-large`.
            EnvironmentalError: `project-unreadable`, `project-changed`.
        """
        root = _resolved(root)
        found: list[tuple[str, Path, int]] = []
        total = 0
        for count, (path, place, size) in enumerate(_walk(root, root, ""), start=1):
            total += max(size, 0)
            _check_bound(root, "bytes", total, limit)
            _check_bound(root, "files and folders", count, most)
            if size >= 0:
                found.append((path, place, size))
        _check_links(root, found)
        found.sort(key=lambda entry: entry[0].encode())
        _check_unique([path for path, _, _ in found])
        files = tuple(
            TreeFile(path=path, digest=_digest(path, place, size), size=size)
            for path, place, size in found
        )
        return cls(root=root, files=files)

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the list of files."""
        return sha256(
            canonical(
                [
                    {"path": file.path, "digest": file.digest, "size": file.size}
                    for file in self.files
                ]
            )
        )

    def __contains__(self, path: str) -> bool:
        """Whether a file of this path is part of the tree."""
        return any(file.path == path for file in self.files)

    def read(self, path: str) -> bytes:
        """The content of a file of the tree, as it was scanned.

        Raises:
            UsageError: `path-refused`, for a path that is not part of the tree.
            EnvironmentalError: `project-unreadable`, `project-changed`.
        """
        for file in self.files:
            if file.path == path:
                return self.content(file)
        raise PATH_REFUSED("no such file in the source tree", found=repr(path)[:200])

    def content(self, file: TreeFile) -> bytes:
        """The content of `file`, one of `files`; raises as `read`."""
        data = b"".join(_chunks(file.path, self.root / file.path, file.size))
        if sha256(data) != file.digest:
            raise _changed(file.path)
        return data

    def copy(self, target: Path, files: Iterable[TreeFile] | None = None) -> None:
        """Write `files`, or every file, below `target`, a new folder, checked against the scan.

        Modes are 0755 throughout, as the tree does not record them.

        Raises:
            EnvironmentalError: `project-unreadable`, `project-changed`.
            OSError: `target` cannot be written.
        """
        target.mkdir(parents=True)
        for file in self.files if files is None else files:
            place = target / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.content(file))
            place.chmod(0o755)


def _resolved(root: Path) -> Path:
    try:
        return root.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, until Python 3.13
        raise _unreadable(str(root), error) from error


def _walk(root: Path, folder: Path, prefix: str) -> Iterator[tuple[str, Path, int]]:
    """Every file as (path, place, size), and every folder with size -1."""
    if prefix.count("/") > _DEPTH_LIMIT:
        raise PATH_REFUSED("folders are nested too deeply", found=repr(prefix)[:200])
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise _unreadable(prefix or str(folder), error) from error
    if prefix and any(entry.name == _LAYOUT for entry in entries):
        return  # the embedded registry that a release writes to
    for entry in entries:
        path = prefix + entry.name
        if entry.name in _NEVER or (not prefix and entry.name in _OUTPUTS):
            continue
        _check_name(path, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield path, folder, -1
            yield from _walk(root, Path(entry.path), f"{path}/")
        else:
            yield _file(root, path)


def _file(root: Path, path: str) -> tuple[str, Path, int]:
    try:
        real = (root / path).resolve(strict=True)
        status = real.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, until Python 3.13
        raise _unreadable(path, error) from error
    if not real.is_relative_to(root):
        raise PATH_ESCAPES("a link leads out of the project", found=f"{path!r} to {str(real)!r}")
    if not stat.S_ISREG(status.st_mode):
        raise PATH_REFUSED("not a regular file", found=repr(path)[:200], expected="a regular file")
    return path, real, status.st_size


def _check_links(root: Path, found: Sequence[tuple[str, Path, int]]) -> None:
    """Refuse a link to what is not part of the tree by itself."""
    own = {place for path, place, _ in found if place == root / path}
    for path, place, _ in found:
        if place not in own:
            raise PATH_REFUSED(
                "a link leads to what is not part of the source tree",
                found=f"{path!r} to {place.relative_to(root).as_posix()!r}"[:400],
                expected="a file of the tree",
            )


def _check_name(path: str, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise PATH_REFUSED("a name is not UTF-8", found=repr(path)[:200]) from error
    if not unicodedata.is_normalized("NFC", name):
        raise PATH_REFUSED("a name is not in Unicode form NFC", found=ascii(path)[:200])
    if "\\" in name or any(unicodedata.category(char) == "Cc" for char in name):
        raise PATH_REFUSED("a name has a backslash or a control character", found=ascii(path)[:200])


def _check_unique(paths: list[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        # folders too: A/x and a/y would share a folder on some systems
        for end in range(1, len(parts) + 1):
            part = "/".join(parts[:end])
            other = seen.setdefault(part.casefold(), part)
            if other != part:
                raise PATH_REFUSED("two names differ only in case", found=f"{other!r}, {part!r}")


def _check_bound(root: Path, unit: str, found: int, most: int) -> None:
    if found > most:
        raise PROJECT_TOO_LARGE(
            f"the project in {root.name} is too large",
            found=f"{found} {unit} or more",
            expected=f"at most {most}",
        )


def _digest(path: str, place: Path, size: int) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path, place, size):
        digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _chunks(path: str, place: Path, size: int) -> Iterator[bytes]:
    """The file's content, which must still be a regular file's and have this size."""
    try:
        # a pipe put in the file's place must not make this wait
        descriptor = os.open(place.resolve(), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _changed(path)
            left = size
            while chunk := file.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise _changed(path)
                yield chunk
            if left:
                raise _changed(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _changed(path: str) -> Exception:
    return PROJECT_CHANGED("a file changed while it was being read", found=repr(path)[:200])


def _unreadable(path: str, error: OSError | RuntimeError) -> Exception:
    reason = error.strerror if isinstance(error, OSError) else "a loop of links"
    return PROJECT_UNREADABLE("cannot read a part of the project", found=f"{path!r}: {reason}")
