"""Where a vulnerability database is taken from: a folder, or an OCI artifact that a digest names.

    FOLDER                     as it is
    FOLDER@sha256:HEX          if trivy.db has this digest
    oci:DIR@sha256:HEX         the artifact with this manifest, unpacked into a cache

What a tag names can be moved by others, so no artifact is taken by a tag. An unpacked artifact is
kept under the digest of its layer, beside the digests that its files had then; damage is found by
them, and what is damaged is unpacked again.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import (
    Code,
    FormatError,
    MinisealError,
    UsageError,
    VerificationError,
)
from miniseal.formats.oci import MANIFEST_LIMIT
from miniseal.formats.reference import Reference
from miniseal.pipeline.trivy.database import DATABASE_MISSING, Database, file_digest

__all__ = ["DATABASE_NOT_PINNED", "DATABASE_REFERENCE", "Artifact", "Folder", "Source", "parse"]

DATABASE_NOT_PINNED = Code(
    "database-not-pinned",
    VerificationError,
    meaning="the vulnerability database is not the one whose digest was given",
    cause="it was updated, or tampered with",
    remedy="give the digest of the database that you mean: `miniseal doctor` prints it",
)
DATABASE_REFERENCE = Code(
    "database-reference",
    UsageError,
    meaning="a vulnerability database in a store is not named by a digest",
    cause="a tag, which can be moved, or nothing after the repository",
    remedy="name it as oci:DIR@sha256:..",
)

_NOTE = "digests"
_TRIES = 3


class Source(Protocol):
    """A place to take a database from; nothing is opened before it is asked for."""

    def open(self) -> Database:
        """The database.

        Raises:
            EnvironmentalError: `database-missing`.
            FormatError: `database-invalid`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A database that is on the disk already.

    Attributes:
        path: holds trivy.db and metadata.json.
        digest: that trivy.db has to have, or None.
    """

    path: Path
    digest: str | None = None

    def open(self) -> Database:
        """The database.

        Raises:
            EnvironmentalError: `database-missing`.
            FormatError: `database-invalid`.
            VerificationError: `database-not-pinned`.
        """
        database = Database.open(self.path)
        if self.digest not in {None, database.digest}:
            raise DATABASE_NOT_PINNED(
                "the vulnerability database is another one",
                found=database.digest,
                expected=self.digest,
            )
        return database


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A database in a store.

    Attributes:
        reference: to its manifest, by digest.
        cache: the folder in which artifacts are unpacked.
    """

    reference: Reference
    cache: Path

    def open(self) -> Database:
        """The database, as it was unpacked before or is now.

        Raises:
            EnvironmentalError: `content-missing`, `database-missing`, and what a store raises.
            FormatError: `database-invalid`, `too-large`.
            VerificationError: `digest-mismatch`.
        """
        from miniseal.pipeline.trivy.artifact import layer_of, unpack  # seldom needed
        from miniseal.registry import open_store

        store = open_store(self.reference)
        manifest = store.read(store.resolve(self.reference.digest or ""), limit=MANIFEST_LIMIT)
        layer = layer_of(manifest)
        kept = self.cache / layer.digest.removeprefix("sha256:")
        if (database := _kept(kept)) is not None:
            return database
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache, prefix=".") as scratch:
                fresh = Path(scratch) / "fresh"
                fresh.mkdir()
                unpack(store, layer, fresh)
                (fresh / _NOTE).write_text(_note(Database.open(fresh)), encoding="ascii")
                _put(fresh, kept, Path(scratch) / "damaged")
        except OSError as error:
            raise DATABASE_MISSING(f"the artifact cannot be unpacked: {error.strerror}") from error
        return Database.open(kept)


def parse(text: str, *, cache: Path) -> Folder | Artifact:
    """Read what somebody wrote; what names a digest is never a folder that is called like it.

    Args:
        text: in one of the forms above.
        cache: for artifacts.

    Raises:
        UsageError: `database-reference`, `reference-malformed`.
    """
    if text.startswith(("oci:", "oci-archive:")):
        return Artifact(reference=_by_digest(Reference.parse(text)), cache=cache)
    place, at, digest = text.rpartition("@sha256:")
    if not at:
        return Folder(path=Path(text))
    try:
        return Folder(path=Path(place), digest=check_digest(f"sha256:{digest}"))
    except FormatError as error:
        raise DATABASE_REFERENCE("malformed digest of a database", found=error.found) from error


def _by_digest(reference: Reference) -> Reference:
    if reference.tag is not None or reference.digest is None:
        raise DATABASE_REFERENCE(
            "a database is not taken by a tag",
            found=str(reference)[:200],
            expected=f"{reference.at()}@sha256:..",
        )
    return reference


def _kept(folder: Path) -> Database | None:
    """What was unpacked before, if it is whole."""
    try:
        database = Database.open(folder)
        note = (folder / _NOTE).read_text(encoding="ascii")
        return database if note == _note(database) else None
    except (MinisealError, OSError, UnicodeDecodeError):
        return None


def _note(database: Database) -> str:
    return f"{database.digest}\n{file_digest(database.folder / 'metadata.json')}\n"


def _put(fresh: Path, kept: Path, damaged: Path) -> None:
    """Put a folder in its place, whole; another process may be doing the same with the same."""
    for _ in range(_TRIES):
        try:
            os.rename(fresh, kept)  # noqa: PTH104 - one system call, atomic
        except OSError:
            if _kept(kept) is not None:
                return
            with contextlib.suppress(OSError):
                os.rename(kept, damaged)  # noqa: PTH104 - as above
        else:
            return
    os.rename(fresh, kept)  # noqa: PTH104 - as above
