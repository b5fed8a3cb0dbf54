"""in-toto vulns v0.2: what a scanner found, with which database, when.

No threshold is here: a severity that cannot be read is `unknown`, and what that counts as is the
policy's. The specification has no member for the digest of scanner and database; both stand in a
`checksum` qualifier of their package URLs.
"""

from dataclasses import dataclass

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_children,
    optional_text,
    time,
)

__all__ = ["PREDICATE_TYPE", "SEVERITIES", "Finding", "Vulns"]

PREDICATE_TYPE = "https://in-toto.io/attestation/vulns/v0.2"
SEVERITIES = ("low", "medium", "high", "critical", "unknown")
"""From the mildest; what is not known may be anything, so it is the last."""

_METHOD = "trivy"
_NOTES = ("package", "installed", "fixed", "source")
_CVSS_RATINGS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One vulnerability in one place.

    Attributes:
        id: for example `CVE-2026-1234`.
        severity: one of `SEVERITIES`.
        package: a package URL, or None.
        installed: the version found, or None.
        fixed: the versions that do not have it, or None.
        source: where it was found, or None.
    """

    id: str
    severity: str
    package: str | None = None
    installed: str | None = None
    fixed: str | None = None
    source: str | None = None

    @classmethod
    def from_members(cls, members: Members) -> "Finding":
        """Read one entry of `scanner.result`; of several severities the worst counts.

        Raises:
            FormatError: `predicate-malformed`.
        """
        notes: dict[str, object] = {}
        for annotation in optional_children(members, "annotations"):
            notes |= annotation.values
        texts = {name: notes.get(name) for name in _NOTES}
        severities = [_severity(rating) for rating in optional_children(members, "severity")]
        return cls(
            id=members.string("id"),
            severity=max(severities, key=SEVERITIES.index, default="unknown"),
            **{name: text for name, text in texts.items() if isinstance(text, str)},
        )

    @property
    def has_no_fix(self) -> bool:
        """Whether the scanner knows the version that is there, and none that is better.

        A scanner that names neither has not said so, and nothing may follow from its silence.
        """
        return self.installed is not None and self.fixed is None

    def to_json(self) -> dict[str, object]:
        """The entry as a JSON object."""
        notes = {name: getattr(self, name) for name in _NOTES if getattr(self, name) is not None}
        return {
            "id": self.id,
            "severity": [{"method": _METHOD, "score": self.severity}],
            **({"annotations": [notes]} if notes else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulns:
    """A scan (in-toto attestation `spec/predicates/vulns_02.md`).

    Attributes:
        scanner_uri: of the scanner, with its digest where the scan is ours.
        scanner_version: or None.
        database_uri: of the vulnerability database, likewise, or None.
        database_version: or None.
        database_updated: `YYYY-MM-DDTHH:MM:SSZ`, as the two below.
        findings: empty where the scanner found nothing.
        started_on: of the scan.
        finished_on: of the scan.
    """

    scanner_uri: str
    scanner_version: str | None = None
    database_uri: str | None = None
    database_version: str | None = None
    database_updated: str
    findings: tuple[Finding, ...]
    started_on: str
    finished_on: str

    @classmethod
    def from_json(cls, value: object) -> "Vulns":
        """Read a predicate; fractions of seconds are cut.

        Raises:
            FormatError: `predicate-malformed`, `time-malformed`.
        """
        members = Members(value, "vulns", PREDICATE_MALFORMED)
        scanner = members.child("scanner")
        database = scanner.child("db")
        metadata = members.child("metadata")
        return cls(
            scanner_uri=scanner.string("uri"),
            scanner_version=optional_text(scanner, "version"),
            database_uri=optional_text(database, "uri"),
            database_version=optional_text(database, "version"),
            database_updated=time(database, "lastUpdate"),
            findings=tuple(map(Finding.from_members, scanner.children("result"))),
            started_on=time(metadata, "scanStartedOn"),
            finished_on=time(metadata, "scanFinishedOn"),
        )

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object, absent members left out."""
        database = {
            "uri": self.database_uri,
            "version": self.database_version,
            "lastUpdate": self.database_updated,
        }
        return {
            "scanner": {
                "uri": self.scanner_uri,
                **({} if self.scanner_version is None else {"version": self.scanner_version}),
                "db": {name: text for name, text in database.items() if text is not None},
                "result": [finding.to_json() for finding in self.findings],
            },
            "metadata": {
                "scanStartedOn": self.started_on,
                "scanFinishedOn": self.finished_on,
            },
        }

    @property
    def scanner_digest(self) -> str | None:
        """`sha256:` + 64 hex of the scanner's binary, or None where its URI names none."""
        return _checksum(self.scanner_uri)

    @property
    def database_digest(self) -> str | None:
        """`sha256:` + 64 hex of the database, or None where its URI names none."""
        return _checksum(self.database_uri or "")


def _severity(rating: Members) -> str:
    """One of `SEVERITIES` for a word of them, or for a CVSS base score (CVSS v3.1, section 5)."""
    score = rating.values.get("score")
    method = rating.values.get("method")
    if isinstance(score, str) and score.lower() in SEVERITIES:
        return score.lower()
    try:
        number = float(score) if isinstance(score, str) else -1.0
    except ValueError:
        return "unknown"
    if isinstance(method, str) and "cvss" in method.lower() and 0.0 <= number <= 10.0:
        return next(word for least, word in _CVSS_RATINGS if number >= least)
    return "unknown"


def _checksum(uri: str) -> str | None:
    """The sha256 among a package URL's checksums (purl-spec, known qualifiers)."""
    qualifiers = uri.partition("#")[0].partition("?")[2].split("&")
    for qualifier in qualifiers:
        name, _, text = qualifier.partition("=")
        for checksum in text.lower().replace("%3a", ":").replace("%2c", ",").split(","):
            if name == "checksum" and checksum.startswith("sha256:"):
                try:
                    return check_digest(checksum)
                except FormatError:
                    return None
    return None
