"""Take the cases of sigstore-conformance that the tests have out of a checkout of the suite.

cases.py SUITE FOLDER

The tests name every case of the folder that they are given, so cases that they do not know yet stay
out of it. Standard library only.
"""

import ast
import shutil
import sys
from pathlib import Path

__all__ = ["main", "names"]

_TESTS = Path(__file__).parents[2] / "tests" / "conformance" / "test_suite.py"
_FILE = "a.txt"


def names() -> list[str]:
    """The cases in the table of the tests."""
    for node in ast.parse(_TESTS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REASONS":
            return sorted(ast.literal_eval(node.value))
    raise SystemExit(f"{_TESTS} has no table")


def main(suite: Path, folder: Path) -> None:
    """Copy the cases and the file that they are about.

    Raises:
        SystemExit: the suite has not all of them.
    """
    wanted = names()
    if missing := [name for name in wanted if not (suite / name).is_dir()]:
        raise SystemExit(f"the suite in {suite} does not have {', '.join(missing)}")
    for name in wanted:
        shutil.copytree(suite / name, folder / name)
    shutil.copyfile(suite / _FILE, folder / _FILE)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
