"""Unpacks artifacts of the run; see the README of the stubs."""

import fcntl
import fnmatch
import hashlib
import io
import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

_SECONDS = 240.0


def main() -> None:
    """Find and unpack."""
    folder = Path(os.environ["MINISEAL_TEST_RUN"], "artifacts")
    _await(folder)
    with (folder / "index.json").open(encoding="utf-8") as index:
        fcntl.flock(index, fcntl.LOCK_SH)
        known = json.load(index)
    target = Path(os.environ["TARGET"]).absolute()
    chosen, one = _chosen(known)
    for artifact in chosen:
        packed = (folder / f"{artifact['id']}.zip").read_bytes()
        found = hashlib.sha256(packed).hexdigest()
        if found != artifact["digest"]:
            raise SystemExit(f"artifact {artifact['name']}: digest mismatch: {found}")
        own = one or os.environ["MERGE"] == "true"
        into = target if own else target / artifact["name"]
        into.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(into)
        sys.stdout.write(
            f"artifact {artifact['name']}, id {artifact['id']}, sha256 {found}, is in {into}\n"
        )
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as out:
        out.write(f"download-path={target}\n")


def _await(folder: Path) -> None:
    """Where a test says which artifact another job replaces: wait until that has happened."""
    name, end = os.environ.get("MINISEAL_TEST_REPLACED"), time.monotonic() + _SECONDS
    while name and not (folder / f"{name}.replaced").exists():
        if time.monotonic() > end:
            raise SystemExit(f"nobody has replaced {name}")
        time.sleep(0.05)


def _chosen(known: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """The artifacts that are asked for, and whether one alone is."""
    name, numbers = os.environ["NAME"], os.environ["NUMBERS"]
    if name and numbers:
        raise SystemExit("inputs 'name' and 'artifact-ids' cannot be used together")
    if name:
        found = [each for each in known if each["name"] == name]
        if not found:
            raise SystemExit(f"artifact not found for name: {name}")
        return found, True
    if numbers:
        wanted = [int(number) for number in numbers.split(",")]
        found = [each for each in known if each["id"] in wanted]
        if len(found) != len(wanted):
            raise SystemExit(f"none of the artifacts, or not all, were found: {numbers}")
        return found, len(wanted) == 1
    pattern = os.environ["PATTERN"] or "*"
    return [each for each in known if fnmatch.fnmatchcase(each["name"], pattern)], False


if __name__ == "__main__":
    main()
