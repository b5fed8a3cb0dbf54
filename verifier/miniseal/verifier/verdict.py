"""What a verification found: that the package may be admitted, as what, until when, and why.

There is no verdict that says no: a refusal is an error with a code.
"""

from dataclasses import dataclass

from miniseal.formats.oci import Descriptor
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.times import to_text
from miniseal.verifier.checks.deny import toolchain_digests
from miniseal.verifier.evidence import URIS, Evidence
from miniseal.verifier.host.record import Grants

__all__ = ["Verdict", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A package that passed every check at one moment.

    Attributes:
        app_id: of the program.
        version_code: of the package.
        version_name: of the package.
        package: its manifest.
        namespace: the policy's pattern that applied.
        grants: what a host may give to the program.
        evidence: everything that was verified, relied upon or not; members as in the record.
        policy_serial: of the policy.
        policy_digest: of the policy with everything it names.
        verified: seconds since 1970.
        expires: until when the verdict holds, seconds since 1970.
    """

    app_id: str
    version_code: int
    version_name: str
    package: Descriptor
    namespace: str
    grants: Grants
    evidence: tuple[dict[str, object], ...]
    policy_serial: int
    policy_digest: str
    verified: int
    expires: int

    def to_json(self) -> dict[str, object]:
        """The `result` of `miniseal verify --json` (FORMATS section 7)."""
        return {
            "app_id": self.app_id,
            "version": {"code": self.version_code, "name": self.version_name},
            "package": {"digest": self.package.digest, "size": self.package.size},
            "namespace": self.namespace,
            "grants": self.grants.to_json(),
            "limits": dict(self.grants.limits),
            "evidence": list(self.evidence),
            "policy": {"serial": self.policy_serial, "digest": self.policy_digest},
            "verified": to_text(self.verified),
            "expires": to_text(self.expires),
        }


def summary(evidence: Evidence[object]) -> dict[str, object]:
    """One piece of evidence as records and verdicts list it (FORMATS section 6)."""
    predicate = evidence.predicate
    return {
        "bundle": evidence.bundle,
        "size": len(evidence.data),
        "predicateType": URIS[type(predicate)],
        "signers": sorted(evidence.signers),
        "key": evidence.key.digest,
        "builder": predicate.builder_id if isinstance(predicate, Provenance) else None,
        "scanner": predicate.scanner_digest if isinstance(predicate, Vulns) else None,
        "toolchain": list(
            toolchain_digests(predicate) if isinstance(predicate, Provenance) else ()
        ),
    }
