"""Where a vulnerability database is taken from: a folder, or an OCI artifact that a digest names.

    FOLDER                          as it is
    FOLDER@sha256:HEX               if trivy.db has this digest
    oci:DIR[:TAG]@sha256:HEX        the artifact with this manifest, unpacked into a cache
    oci-archive:FILE[:TAG]@sha256:HEX
    HOST/NAME[:TAG]@sha256:HEX      the same, of a registry

Which of them it is, the text alone decides, never what is on the disk. What reads as a reference
to a registry is one: a folder that is called so is written `./FOLDER`. What a tag names can be
moved by others, so a tag says nothing, and the digest everything.

An unpacked artifact is kept under the digest of its manifest, beside the digests that its files had
then, and its store is not asked again. Damage is found by them, and what is damaged is unpacked
again.
"""

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
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
from miniseal.registry import Access, open_store

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
    cause="a tag alone, which others can move, or nothing after the repository; or a folder whose "
    "name reads as a registry's",
    remedy="name it as HOST/NAME@sha256:.. or oci:DIR@sha256:.., and a folder as ./FOLDER",
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
        access: how a registry is reached.
    """

    reference: Reference
    cache: Path
    access: Access = field(default_factory=Access)

    def open(self) -> Database:
        """The database, as it was unpacked before or is now.

        Raises:
            EnvironmentalError: `content-missing`, `database-missing`, and what a store raises.
            FormatError: `database-invalid`, `too-large`.
            VerificationError: `digest-mismatch`.
        """
        digest = check_digest(self.reference.digest or "")
        kept = self.cache / digest.removeprefix("sha256:")
        if (database := _kept(kept)) is not None:
            return database
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.cache, prefix=".") as scratch:
                fresh = Path(scratch) / "fresh"
                fresh.mkdir()
                self._unpack(digest, fresh)
                (fresh / _NOTE).write_text(_note(Database.open(fresh)), encoding="ascii")
                _put(fresh, kept, Path(scratch) / "damaged")
        except OSError as error:
            raise DATABASE_MISSING(f"the artifact cannot be unpacked: {error.strerror}") from error
        return Database.open(kept)

    def _unpack(self, digest: str, folder: Path) -> None:
        from miniseal.pipeline.trivy.artifact import layer_of, unpack  # seldom needed

        store = open_store(self.reference, self.access)
        manifest = store.read(store.resolve(digest), limit=MANIFEST_LIMIT)
        unpack(store, layer_of(manifest), folder)


def parse(text: str, *, cache: Path, access: Access | None = None) -> Folder | Artifact:
    """Read what somebody wrote; what names a digest is never a folder that is called like it.

    Args:
        text: in one of the forms above.
        cache: for artifacts.
        access: how registries are reached.

    Raises:
        UsageError: `database-reference`, `reference-malformed`.
    """
    reference = _reference(text)
    if reference is not None:
        return Artifact(reference=reference, cache=cache, access=access or Access())
    place, at, digest = text.rpartition("@")
    if not at or "/" in digest or ":" not in digest:
        return Folder(path=Path(text))
    try:
        return Folder(path=Path(place), digest=check_digest(digest))
    except FormatError as error:
        raise DATABASE_REFERENCE("malformed digest of a database", found=error.found) from error


def _reference(text: str) -> Reference | None:
    """What is no folder, by its digest."""
    try:
        reference = Reference.parse(text)
    except UsageError:
        if text.startswith(("oci:", "oci-archive:")):
            raise
        return None
    if reference.digest is None:
        raise DATABASE_REFERENCE(
            "a database in a store is taken by its digest",
            found=text[:200],
            expected=f"{reference}@sha256:..",
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
