"""Licences that files name in their first lines: `SPDX-License-Identifier: GPL-3.0-only`.

The scanner knows licences by their texts, not by this line (SPDX 2.3, annex E). Only the start of a
file is read, where the line belongs: a text further down may be about licences.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from miniseal.pipeline.trivy.coverage import files
from miniseal.pipeline.trivy.scan import License

__all__ = ["declared"]

_HEAD = 4096
_LINE = re.compile(rb"SPDX-License-Identifier:[ \t]*([A-Za-z0-9(][A-Za-z0-9.+() :-]{0,300})")


def declared(tree: Path) -> Iterator[License]:
    """What the files below `tree` say of themselves; nobody has classified it.

    Raises:
        OSError: the tree cannot be read.
    """
    for path in files(tree):
        if (tree / path).is_symlink():
            continue
        with (tree / path).open("rb") as file:
            head = file.read(_HEAD)
        for match in _LINE.finditer(head):
            name = match[1].decode("ascii").rstrip(" -:")  # the start of --> among them
            yield License(target=path, package="", name=name, severity="unknown")
