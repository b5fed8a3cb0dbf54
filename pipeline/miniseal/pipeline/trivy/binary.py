"""The scanner's binary: where it is, and whether it is one that may run.

A scanner sees everything and says what is well, so it is trusted by digest alone: pinned in the
lock, out for long enough that a stolen release would have been noticed, and denied by nobody.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats import times
from miniseal.formats.errors import Code, EnvironmentalError, VerificationError
from miniseal.packager.lock import Scanner
from miniseal.pipeline.trivy.database import file_digest

__all__ = [
    "SCANNER_DENIED",
    "SCANNER_MISSING",
    "SCANNER_NOT_PINNED",
    "SCANNER_TOO_NEW",
    "Trivy",
]

SCANNER_MISSING = Code(
    "scanner-missing",
    EnvironmentalError,
    meaning="there is no scanner where one was named, or none on PATH",
    cause="trivy is not installed",
    remedy="install the pinned version of trivy, or name the binary",
)
SCANNER_NOT_PINNED = Code(
    "scanner-not-pinned",
    VerificationError,
    meaning="the scanner is not one of the binaries that the lock pins",
    cause="another version, another build, a launcher script in its place, or a tampered binary",
    remedy="install the pinned version, or renew the lock after looking at the new binary",
)
SCANNER_TOO_NEW = Code(
    "scanner-too-new",
    VerificationError,
    meaning="the pinned scanner was released too recently to be trusted",
    cause="the lock was renewed right after a release, or a clock is wrong",
    remedy="wait, or keep the version before: releases that were tampered with are found in days",
)
SCANNER_DENIED = Code(
    "scanner-denied",
    VerificationError,
    meaning="the scanner is a binary that a policy denies, although the lock pins it",
    cause="it was found to be malicious or wrong",
    remedy="pin another version, and scan again what it passed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trivy:
    """A binary that the lock pins.

    Attributes:
        path: where it is.
        digest: of its bytes.
        version: what the lock says it is; each report must say the same.
        released: when it was, as the lock says, seconds since 1970.
    """

    path: Path
    digest: str
    version: str
    released: int

    @classmethod
    def locate(cls, named: Path | None, *, search: str, pinned: Scanner) -> "Trivy":
        """Find and hash the binary.

        Args:
            named: the binary, where somebody named one.
            search: a PATH on which to look for `trivy` otherwise.
            pinned: the binaries that may run.

        Raises:
            EnvironmentalError: `scanner-missing`.
            VerificationError: `scanner-not-pinned`.
        """
        found = str(named) if named is not None else shutil.which("trivy", path=search)
        if found is None:
            raise SCANNER_MISSING("trivy is not on PATH")
        try:
            path = Path(found).resolve()
            digest = file_digest(path)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, until Python 3.13
            reason = error.strerror if isinstance(error, OSError) else "a loop of links"
            raise SCANNER_MISSING(f"{found!r} cannot be read: {reason}") from error
        if digest not in pinned.digests:
            raise SCANNER_NOT_PINNED(
                f"{found!r} is not a pinned scanner",
                found=digest,
                expected=f"trivy {pinned.version}",
            )
        return cls(path=path, digest=digest, version=pinned.version, released=pinned.released)

    def check(self, *, now: float, min_age: float, denied: Collection[str]) -> None:
        """Refuse a binary that is `denied`, or that is not yet `min_age` seconds old at `now`.

        Raises:
            VerificationError: `scanner-denied`, `scanner-too-new`.
        """
        if self.digest in denied:
            raise SCANNER_DENIED(f"trivy {self.version} is denied", found=self.digest)
        if now - self.released < min_age:
            raise SCANNER_TOO_NEW(
                f"trivy {self.version} is too new",
                found=f"released {times.to_text(self.released)[:10]}",
                expected=f"at least {min_age / 86400:g} days ago",
            )
