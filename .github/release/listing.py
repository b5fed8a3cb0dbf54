"""What is in a folder that goes from one job to another: a list, whose digest is all a job says.

    listing.py write FOLDER              write FOLDER/SHA256SUMS, and print the list's digest
    listing.py check FOLDER DIGEST...    refuse what the list does not say, and another list

Several digests have to be the same: that is how a build is compared with another. Standard library
only.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LIST", "check", "main", "write"]

LIST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._+/-]*)")
_MOST = 64 * 1024


def write(folder: Path) -> str:
    """List the files of a folder in it, as `sha256sum --check` reads it.

    Returns:
        The list's sha256, 64 hex digits.
    """
    text = "".join(f"{digest}  {name}\n" for name, digest in _files(folder).items())
    (folder / LIST).write_text(text, encoding="ascii")
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def check(folder: Path, digests: Sequence[str]) -> dict[str, str]:
    """The sha256 of each file, by its path in the folder, when all are as they were listed.

    Raises:
        SystemExit: jobs disagree, or the files or the list are not those that a job listed.
    """
    if len(set(digests)) != 1:
        raise SystemExit(f"jobs made different files: {' and '.join(digests) or 'no digest'}")
    with (folder / LIST).open("rb") as file:
        data = file.read(_MOST)
    if hashlib.sha256(data).hexdigest() != digests[0]:
        raise SystemExit(f"{folder / LIST} is not the list of the job that wrote it")
    matches = [_LINE.fullmatch(line) for line in data.decode("ascii").splitlines()]
    listed = {match[2]: match[1] for match in matches if match}
    found = _files(folder)
    if len(listed) != len(matches) or listed != found:
        names = sorted({*listed, *found})
        wrong = [name for name in names if listed.get(name) != found.get(name)]
        raise SystemExit(f"{folder} is not as it was listed: {', '.join(wrong)}")
    return found


def _files(folder: Path) -> dict[str, str]:
    """The sha256 of each file but the list's own."""
    digests: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise SystemExit(f"{path} is not a file")
        if path.is_file() and name != LIST:
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def main(arguments: Sequence[str]) -> None:
    """Do as the command line says.

    Raises:
        SystemExit: as `check`.
    """
    parser = argparse.ArgumentParser(prog="listing.py")
    commands = parser.add_subparsers(required=True, dest="command")
    for name in ("write", "check"):
        commands.add_parser(name).add_argument("folder", type=Path)
    commands.choices["check"].add_argument("digests", nargs="+")
    options = parser.parse_args(arguments)
    if options.command == "write":
        print(write(options.folder))
    else:
        for name, digest in check(options.folder, options.digests).items():
            print(f"{digest}  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
