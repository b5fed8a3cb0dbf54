"""Resolves pyproject.toml into files of names, versions and hashes, without addresses.

dev.txt has all of it; run.txt what jobs of a release need, in dev.txt's versions; bootstrap.txt uv.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OPTIONS = "--quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url"


def main() -> None:
    """Write the files."""
    _compile("dev.txt", "--all-extras", "--group", "dev")
    _compile("run.txt", "--extra", "all", "--group", "workflow", "--constraints", HERE / "dev.txt")
    locked = (HERE / "dev.txt").read_text(encoding="utf-8")
    uv = re.search(r"^uv==.*?(?=^\S)", locked, re.MULTILINE | re.DOTALL)
    if uv is None:
        raise SystemExit("uv is not locked")
    (HERE / "bootstrap.txt").write_text(uv.group(), encoding="utf-8")


def _compile(name: str, *words: str | Path) -> None:
    subprocess.run(
        [
            *(Path(sys.executable).parent / "uv", "pip", "compile", *OPTIONS.split()),
            *("--no-header", *words, "pyproject.toml", "--output-file", HERE / name),
        ],
        cwd=HERE.parent,
        check=True,
    )


if __name__ == "__main__":
    main()
