"""Trivy's vulnerability database: which one, how old, and one made from a folder of advisories.

A database is a folder with `trivy.db` (bbolt) and `metadata.json`. It is named by the digest of
`trivy.db`: `metadata.json` changes with the clock of whoever downloaded it. Nothing is fetched.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from miniseal.formats import strictjson, times
from miniseal.formats.errors import (
    Code,
    EnvironmentalError,
    FormatError,
    MinisealError,
    VerificationError,
)
from miniseal.formats.members import Members
from miniseal.pipeline.trivy import bolt
from miniseal.pipeline.trivy.osv import ADVISORY_LIMIT, ECOSYSTEMS, Advisory, Affected
from miniseal.pipeline.whole import write_whole

__all__ = [
    "DATABASE_INVALID",
    "DATABASE_MISSING",
    "DATABASE_STALE",
    "FILES",
    "Database",
    "build",
    "file_digest",
]

DATABASE_MISSING = Code(
    "database-missing",
    EnvironmentalError,
    meaning="there is no vulnerability database where the scanner should read one",
    cause="it has not been downloaded yet, or the folder is another one",
    remedy="download it with `trivy image --download-db-only`, or build one from advisories",
)
DATABASE_INVALID = Code(
    "database-invalid",
    FormatError,
    meaning="a folder holds something that is not a Trivy database of version 2",
    cause="an interrupted download, or a database for another version of the scanner",
    remedy="download the database again",
)
DATABASE_STALE = Code(
    "database-stale",
    VerificationError,
    meaning="the vulnerability database is older than it may be, or from the future",
    cause="it has not been updated, or a clock is wrong",
    remedy="update the database",
)

FILES = ("trivy.db", "metadata.json")

_METADATA_LIMIT = 64 * 1024
_SKEW_SECONDS = 300
_SEVERITIES = ("unknown", "low", "medium", "high", "critical")
_SOURCE = {"ID": "osv", "Name": "OSV", "URL": "https://osv.dev"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database on disk.

    Attributes:
        folder: holds `trivy.db` and `metadata.json`.
        digest: of `trivy.db`.
        updated: when its advisories were collected, seconds since 1970.
    """

    folder: Path
    digest: str
    updated: int

    @classmethod
    def open(cls, folder: Path) -> "Database":
        """Read the metadata and hash the database; both are only looked at, not trusted.

        Raises:
            EnvironmentalError: `database-missing`.
            FormatError: `database-invalid`.
        """
        try:
            with _open(folder / "metadata.json") as file:
                metadata = file.read(_METADATA_LIMIT + 1)
            with _open(folder / "trivy.db") as file:
                start = file.read(24)
            digest = file_digest(folder / "trivy.db")
        except OSError as error:
            raise DATABASE_MISSING(f"no database in {str(folder)!r}: {error.strerror}") from error
        if start[16:24] != bytes.fromhex("edda0ced02000000"):
            raise DATABASE_INVALID("trivy.db is not a bbolt file of version 2")
        return cls(folder=folder, digest=digest, updated=_updated(metadata))

    def check_age(self, *, now: float, max_age: float) -> None:
        """Refuse a database older than `max_age` seconds at `now`, or more than 5 minutes ahead.

        Raises:
            VerificationError: `database-stale`.
        """
        age = now - self.updated
        if not -_SKEW_SECONDS <= age <= max_age:
            raise DATABASE_STALE(
                "the vulnerability database is from the future"
                if age < 0
                else "the vulnerability database is too old",
                found=f"updated {times.to_text(self.updated)}",
                expected=f"at most {max_age / 86400:g} days old",
            )


def _updated(metadata: bytes) -> int:
    try:
        value = strictjson.loads(metadata, limit=_METADATA_LIMIT, what="metadata.json")
        members = Members(value, "metadata.json", DATABASE_INVALID)
        members.integer("Version", least=2, most=2)
        return times.from_text(members.string("UpdatedAt"), fraction=True)
    except MinisealError as error:
        raise DATABASE_INVALID(error.message, found=error.found) from error


def file_digest(path: Path) -> str:
    """The digest of a file of any size.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with _open(path) as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _open(path: Path) -> BufferedReader:
    """Open a regular file; a pipe or a device in its place is an error, not a wait."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def build(advisories: Path, out: Path, *, updated: int) -> Database:
    """Make a database in `out` from every `.json` file below `advisories`.

    The same advisories and time give the same bytes. Withdrawn advisories are left out.

    Args:
        advisories: a folder of OSV advisories.
        out: the folder to make or to replace the files in.
        updated: when the advisories were collected, seconds since 1970.

    Raises:
        FormatError: `advisory-malformed`, naming the file.
        EnvironmentalError: `database-missing`, if there is no advisory or a file cannot be read
            or written.
    """
    files = sorted(advisories.rglob("*.json"))
    if not files:
        raise DATABASE_MISSING(f"no advisory in {str(advisories)!r}", expected="OSV .json files")
    try:
        found = [_read(path, advisories) for path in files]
        data = bolt.write(_buckets(advisory for advisory in found if not advisory.withdrawn))
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "trivy.db", data)
        write_whole(out / "metadata.json", _metadata(updated))
    except OSError as error:
        raise DATABASE_MISSING(f"the database cannot be made: {error}") from error
    return Database.open(out)


def _read(path: Path, root: Path) -> Advisory:
    what = repr(str(path.relative_to(root)))
    with path.open("rb") as file:
        data = file.read(ADVISORY_LIMIT + 1)
    return Advisory.from_bytes(data, what)


def _buckets(advisories: Iterable[Advisory]) -> dict[str, bolt.Bucket]:
    """The layout of Trivy's database, schema 2."""
    names = {ecosystem: f"{ecosystem}::{_SOURCE['Name']}" for ecosystem in ECOSYSTEMS.values()}
    packages: dict[str, dict[str, dict[str, _Entry]]] = {name: {} for name in names.values()}
    details: dict[str, Advisory] = {}
    for advisory in advisories:
        known = details.setdefault(advisory.vulnerability, advisory)
        if _rank(advisory) > _rank(known):
            details[advisory.vulnerability] = advisory
        for affected in advisory.affected:
            entries = packages[names[affected.ecosystem]].setdefault(affected.package, {})
            entries.setdefault(advisory.vulnerability, _Entry()).add(advisory, affected)
    buckets: dict[str, bolt.Bucket] = {
        name: {
            package: {identifier: entry.to_text() for identifier, entry in entries.items()}
            for package, entries in content.items()
        }
        for name, content in packages.items()
        if content
    }
    buckets["data-source"] = dict.fromkeys(sorted(buckets), _text(_SOURCE))
    buckets["vulnerability"] = {name: _detail(details[name]) for name in details}
    return buckets


class _Entry:
    """What the database says of one vulnerability in one package; advisories may share it."""

    def __init__(self) -> None:
        self.vulnerable: dict[str, None] = {}
        self.patched: dict[str, None] = {}
        self.sources: dict[str, None] = {}

    def add(self, advisory: Advisory, affected: Affected) -> None:
        self.vulnerable |= dict.fromkeys(affected.vulnerable)
        self.patched |= dict.fromkeys(affected.patched)
        self.sources[advisory.id] = None

    def to_text(self) -> str:
        entry = {"VendorIDs": list(self.sources), "VulnerableVersions": list(self.vulnerable)}
        return _text(entry | ({"PatchedVersions": list(self.patched)} if self.patched else {}))


def _rank(advisory: Advisory) -> int:
    return _SEVERITIES.index(advisory.severity)


def _detail(advisory: Advisory) -> str:
    rank = _rank(advisory)
    return _text(
        {
            "Title": advisory.title,
            "Severity": advisory.severity.upper(),
            "VendorSeverity": {_SOURCE["ID"]: rank},
            "References": [f"https://osv.dev/vulnerability/{advisory.id}"],
        }
    )


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _metadata(updated: int) -> bytes:
    text = times.to_text(updated)
    fields = {"Version": 2, "UpdatedAt": text, "NextUpdate": text, "DownloadedAt": text}
    return _text(fields).encode()
