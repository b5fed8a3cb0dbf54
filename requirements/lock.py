"""Resolves pyproject.toml into dev.txt and bootstrap.txt: names, versions, hashes, no addresses."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Write both files."""
    options = "--quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url"
    subprocess.run(
        [
            *(Path(sys.executable).parent / "uv", "pip", "compile", *options.split()),
            *("--no-header", "--all-extras", "--group", "dev", "pyproject.toml"),
            *("--output-file", HERE / "dev.txt"),
        ],
        cwd=HERE.parent,
        check=True,
    )
    locked = (HERE / "dev.txt").read_text(encoding="utf-8")
    uv = re.search(r"^uv==.*?(?=^\S)", locked, re.MULTILINE | re.DOTALL)
    if uv is None:
        raise SystemExit("uv is not locked")
    (HERE / "bootstrap.txt").write_text(uv.group(), encoding="utf-8")


if __name__ == "__main__":
    main()
