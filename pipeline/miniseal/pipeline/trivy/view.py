"""What the scanner gets to see of a tree: its files, and each of them again under a neutral name.

No rule about folders, names or endings, the scanner's or somebody else's, applies to a neutral
name. The scanner looks for no secrets in a file that seems to be binary, so the texts of one are
there as a file of their own. Comments with which a file would switch checks off for itself are
broken on the way, and bills of materials are left out, because each of them is scanned by itself.
The tree is not changed.
"""

import mmap
import os
import re
import shutil
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["View"]

_TREE, _PLAIN = "tree", "plain"
# The ending of a file in which the scanner looks for secrets and for licences.
_ENDING = ".txt"
# The ending of one in which it looks for secrets alone.
_TEXTS_ENDING = ".strings"
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0e-\x1f\x7f]")
# What may be a text in a binary file: ASCII, also as UTF-16; ends of lines, which are counted.
_TEXT = re.compile(rb"(?:[\t\x20-\x7e]\0){5,}[\t\x20-\x7e]\0?|[\t\x20-\x7e]{6,}|\n")
_INLINE = re.compile(rb"(?i)(trivy|tfsec):(?=ignore)")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A folder made for the scanner.

    Attributes:
        names: the path in the tree for each neutral path.
    """

    names: dict[str, str]

    @classmethod
    def of(cls, tree: Path, folder: Path, *, without: Collection[str]) -> "View":
        """Lay out the regular files of `tree` in `folder`; those `without` only by neutral names.

        Raises:
            OSError: the tree cannot be read, or the folder not be written.
        """
        names: dict[str, str] = {}
        for part in (_TREE, _PLAIN):
            (folder / part).mkdir()
        for number, path in enumerate(_regular(tree)):
            neutral = f"{_PLAIN}/{number:06}{_ENDING}"
            names[neutral] = path
            _lay(tree / path, folder / neutral)
            texts = f"{_PLAIN}/{number:06}{_TEXTS_ENDING}"
            names[texts] = path
            _lay_texts(tree / path, folder / texts)
            if path not in without:
                (folder / _TREE / path).parent.mkdir(parents=True, exist_ok=True)
                _link(folder / neutral, folder / _TREE / path)
        return cls(names=names)

    def place(self, target: str) -> str:
        """The path in the tree for a target of a scan of the folder."""
        if target == _TREE:  # settings are checked by folder
            return "."
        return self.names.get(target, target.removeprefix(f"{_TREE}/"))


def _regular(tree: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if not path.is_symlink() and path.is_file():
                yield path.relative_to(tree).as_posix()


def _lay(source: Path, target: Path) -> None:
    with _content(source) as content:
        is_silent = _INLINE.search(content) is not None
    if is_silent:
        target.write_bytes(_INLINE.sub(rb"\1_", source.read_bytes()))
        shutil.copymode(source, target)
    else:
        _link(source, target)


def _lay_texts(source: Path, target: Path) -> None:
    """Write the texts of a binary file, each in the line that it has there; nothing of a text."""
    with _content(source) as content:
        if _CONTROL.search(content) is None:
            return
        with target.open("wb") as file:
            for match in _TEXT.finditer(content):
                text = match[0].replace(b"\0", b"")
                file.write(text if text == b"\n" else text + b" ")


@contextmanager
def _content(path: Path) -> Generator[mmap.mmap | bytes]:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or links to other people's files are forbidden
        shutil.copy(source, target)
