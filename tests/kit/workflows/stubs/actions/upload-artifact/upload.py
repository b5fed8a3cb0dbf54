"""Keeps files as an artifact of the run; see the README of the stubs."""

import fcntl
import glob
import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    """Pack and keep."""
    name, hidden = os.environ["NAME"], os.environ["HIDDEN"] == "true"
    patterns = [line.strip() for line in os.environ["PATHS"].splitlines() if line.strip()]
    places = [place for pattern in patterns for place in _places(pattern)]
    files = sorted({file for place in places for file in _files(place, hidden=hidden)})
    if not files:
        text = f"no files were found with the provided path: {' '.join(patterns)}"
        if os.environ["IF_NONE"] == "error":
            raise SystemExit(text)
        sys.stdout.write(f"{text}\n")
        return
    packed = _packed(files, _base(places, files))
    digest = hashlib.sha256(packed).hexdigest()
    number = _keep(name, packed, digest, overwrite=os.environ["OVERWRITE"] == "true")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as out:
        out.write(f"artifact-id={number}\nartifact-digest={digest}\n")
    sys.stdout.write(f"artifact {name} has {len(files)} files, id {number}, sha256 {digest}\n")


def _places(pattern: str) -> list[Path]:
    home = pattern.replace("~", os.environ["HOME"], 1) if pattern.startswith("~") else pattern
    return [Path(found).absolute() for found in glob.glob(home, recursive=True)]  # noqa: PTH207 - absolute ones too


def _files(place: Path, *, hidden: bool) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for path in place.rglob("*"):
        parts = path.relative_to(place).parts
        if path.is_file() and (hidden or not any(part.startswith(".") for part in parts)):
            yield path


def _base(places: list[Path], files: list[Path]) -> Path:
    """What names in the zip are relative to."""
    if len(places) == 1 and places[0].is_dir():
        return places[0]
    return Path(os.path.commonpath([path.parent for path in files]))


def _packed(files: list[Path], base: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(str(path.relative_to(base)), path.read_bytes())
    return out.getvalue()


def _keep(name: str, packed: bytes, digest: str, *, overwrite: bool) -> int:
    folder = Path(os.environ["MINISEAL_TEST_RUN"], "artifacts")
    with (folder / "index.json").open("r+", encoding="utf-8") as index:
        fcntl.flock(index, fcntl.LOCK_EX)
        known, replaced = json.load(index), False
        if any(each["name"] == name for each in known):
            if not overwrite:
                raise SystemExit(f"(409) Conflict: an artifact named {name} exists already")
            known = [each for each in known if each["name"] != name]
            replaced = True
        number = int((folder / "last").read_text(encoding="ascii")) + 1
        (folder / "last").write_text(str(number), encoding="ascii")
        (folder / f"{number}.zip").write_bytes(packed)
        known.append({"id": number, "name": name, "digest": digest})
        index.seek(0)
        index.truncate()
        json.dump(known, index)
    if replaced:
        (folder / f"{name}.replaced").touch()
    return number


if __name__ == "__main__":
    main()
