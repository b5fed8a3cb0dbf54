"""What the scanner gets to see of a tree: its files, and each of them again under a neutral name.

No rule about folders, names or endings, the scanner's or somebody else's, applies to a neutral
name. Comments with which a file would switch checks off for itself are broken on the way, and bills
of materials are left out, because each of them is scanned by itself. The tree is not changed.
"""

import mmap
import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["View"]

_TREE, _PLAIN = "tree", "plain"
# The ending of a file in which the scanner looks for secrets and for licences.
_ENDING = ".txt"
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
        for path in _regular(tree):
            neutral = f"{_PLAIN}/{len(names):06}{_ENDING}"
            names[neutral] = path
            _lay(tree / path, folder / neutral)
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
    if _silences(source):
        target.write_bytes(_INLINE.sub(rb"\1_", source.read_bytes()))
        shutil.copymode(source, target)
    else:
        _link(source, target)


def _silences(path: Path) -> bool:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _INLINE.search(content) is not None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or links to other people's files are forbidden
        shutil.copy(source, target)
