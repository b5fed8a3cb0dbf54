"""SLSA verification summary v1: that somebody verified an artifact, by which policy, and what came.

Whose summaries count is the policy's. `dependencyLevels` are neither read nor written. The one
member that is ours, `AUDIT`, has a URI for a name, as the specification wants of extensions.
"""

import re
from dataclasses import dataclass, field

from miniseal.formats.digest import check_digest
from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_children,
    optional_text,
    time,
)
from miniseal.formats.predicates.resource import Resource

__all__ = [
    "AUDIT",
    "FAILED",
    "PASSED",
    "PREDICATE_TYPE",
    "SLSA_VERSION",
    "AuditMark",
    "Vsa",
    "build_level",
    "implies",
]

PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
SLSA_VERSION = "1.1"
PASSED = "PASSED"
FAILED = "FAILED"
"""A result, and where nothing was verified a level."""
AUDIT = "https://miniseal.dev/verification-summary/audit/v1"
"""The name of the member with an `AuditMark`."""

_LEVEL = re.compile(r"(SLSA_[A-Z0-9]{1,40}_LEVEL)_([0-9])")
_HIGHEST_BUILD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditMark:
    """Where a host's audit log ended when it wrote a summary.

    Attributes:
        count: of the lines.
        head: `sha256:` + 64 hex of the last one.
    """

    count: int
    head: str

    @classmethod
    def from_members(cls, members: Members) -> "AuditMark":
        """Read a mark.

        Raises:
            FormatError: `digest-malformed`, or the code of `members`.
        """
        return cls(count=members.integer("count", least=1), head=members.digest("head"))

    def to_json(self) -> dict[str, object]:
        """The mark as a JSON object.

        Raises:
            FormatError: `digest-malformed`.
        """
        return {"count": self.count, "head": check_digest(self.head)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vsa:
    """A verification and its result (slsa.dev/spec/v1.1/verification_summary).

    Attributes:
        verifier_id: a URI.
        verifier_version: component to version.
        verified_on: `YYYY-MM-DDTHH:MM:SSZ`.
        resource_uri: what the artifact was verified as.
        policy: what it was verified by.
        inputs: the attestations that were looked at, by digest.
        result: `PASSED` or `FAILED`.
        levels: the highest of each track, for example `SLSA_BUILD_LEVEL_2`.
        slsa_version: of the specification, or None.
        audit: of the host that verified, or None.
    """

    verifier_id: str
    verifier_version: dict[str, str] = field(default_factory=dict[str, str])
    verified_on: str
    resource_uri: str
    policy: Resource
    inputs: tuple[Resource, ...] = ()
    result: str
    levels: tuple[str, ...]
    slsa_version: str | None = SLSA_VERSION
    audit: AuditMark | None = None

    def __post_init__(self) -> None:
        """Refuse another result than the specification's two, read or to be written."""
        if self.result not in {PASSED, FAILED}:
            raise PREDICATE_MALFORMED(
                "verification result is unknown",
                found=self.result[:60],
                expected=f"{PASSED} or {FAILED}",
            )

    @classmethod
    def from_json(cls, value: object) -> "Vsa":
        """Read a predicate; fractions of seconds are cut.

        Raises:
            FormatError: `predicate-malformed`, `time-malformed`, `digest-malformed`.
        """
        members = Members(value, "verification summary", PREDICATE_MALFORMED)
        verifier = members.child("verifier")
        inputs = optional_children(members, "inputAttestations")
        return cls(
            verifier_id=verifier.string("id"),
            verifier_version=verifier.string_map("version"),
            verified_on=time(members, "timeVerified"),
            resource_uri=members.string("resourceUri"),
            policy=Resource.from_members(members.child("policy")),
            inputs=tuple(map(Resource.from_members, inputs)),
            result=members.string("verificationResult"),
            levels=tuple(members.strings("verifiedLevels")),
            slsa_version=optional_text(members, "slsaVersion"),
            audit=AuditMark.from_members(members.child(AUDIT)) if AUDIT in members else None,
        )

    @property
    def passed(self) -> bool:
        """Whether it says so, and nothing in it says otherwise."""
        return self.result == PASSED and FAILED not in self.levels

    def reaches(self, level: str) -> bool:
        """Whether some level of the summary implies `level`."""
        return any(implies(each, level) for each in self.levels)

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object, absent members left out.

        Raises:
            FormatError: `predicate-malformed`, for a resource that identifies nothing;
                `digest-malformed`.
        """
        version = {"version": dict(self.verifier_version)} if self.verifier_version else {}
        slsa = {} if self.slsa_version is None else {"slsaVersion": self.slsa_version}
        return {
            "verifier": {"id": self.verifier_id, **version},
            "timeVerified": self.verified_on,
            "resourceUri": self.resource_uri,
            "policy": self.policy.to_json(),
            "inputAttestations": [resource.to_json() for resource in self.inputs],
            "verificationResult": self.result,
            "verifiedLevels": list(self.levels),
            **slsa,
            **({} if self.audit is None else {AUDIT: self.audit.to_json()}),
        }


def build_level(level: int) -> str:
    """The name of a SLSA Build level; the specification has none above 3."""
    return f"SLSA_BUILD_LEVEL_{min(level, _HIGHEST_BUILD)}"


def implies(level: str, wanted: str) -> bool:
    """Whether an artifact of `level` is of level `wanted`: the same, or lower on the same track."""
    if level == wanted:
        return level != FAILED
    found, asked = _LEVEL.fullmatch(level), _LEVEL.fullmatch(wanted)
    if found is None or asked is None or found[1] != asked[1]:
        return False
    return int(found[2]) >= int(asked[2])
