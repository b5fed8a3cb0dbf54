"""What a verification found: that the package may be admitted, as what, until when, and why.

There is no verdict that says no: a refusal is an error with a code.
"""

from dataclasses import dataclass

from miniseal.formats.config import Config
from miniseal.formats.oci import Descriptor
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.times import to_text
from miniseal.verifier.checks.deny import toolchain_digests
from miniseal.verifier.evidence import URIS, Evidence
from miniseal.verifier.host.record import Grants
from miniseal.verifier.signatures.signatory import Signatory
from miniseal.verifier.vex import Suppressed

__all__ = ["Verdict", "Verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One verified statement, as records and verdicts list it (FORMATS section 6).

    Attributes:
        bundle: its digest.
        size: of the bundle, in bytes.
        predicate_type: of the statement.
        signers: the policy's names for whoever signed, sorted.
        signatory: who signed.
        builder: the builder's id, of provenance.
        scanner: the scanner's digest, of a scan that names it.
        toolchain: digests of what went into a build.
    """

    bundle: str
    size: int
    predicate_type: str
    signers: tuple[str, ...]
    signatory: Signatory
    builder: str | None = None
    scanner: str | None = None
    toolchain: tuple[str, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence[object]) -> "Verified":
        """What is kept of a piece of evidence."""
        predicate = evidence.predicate
        build = predicate if isinstance(predicate, Provenance) else None
        return cls(
            bundle=evidence.bundle,
            size=len(evidence.data),
            predicate_type=URIS[type(predicate)],
            signers=tuple(sorted(evidence.signers)),
            signatory=evidence.signatory,
            builder=build.builder_id if build else None,
            scanner=predicate.scanner_digest if isinstance(predicate, Vulns) else None,
            toolchain=toolchain_digests(build) if build else (),
        )

    def to_json(self) -> dict[str, object]:
        """One entry of `evidence`."""
        return {
            "bundle": self.bundle,
            "size": self.size,
            "predicateType": self.predicate_type,
            "signers": list(self.signers),
            **self.signatory.to_json(),
            "builder": self.builder,
            "scanner": self.scanner,
            "toolchain": list(self.toolchain),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A package that passed every check at one moment.

    Attributes:
        config: of the package.
        package: its manifest.
        namespace: the policy's pattern that applied.
        grants: what a host may give to the program.
        evidence: everything that was verified, relied upon or not.
        suppressed: findings of the latest scans that did not count, with who says so and why.
        policy_serial: of the policy.
        policy_digest: of the policy with everything it names.
        trust_digest: of the trusted root that keyless signatures were verified with, or None.
        verified_at: seconds since 1970.
        ends_at: until when the verdict holds, seconds since 1970.
    """

    config: Config
    package: Descriptor
    namespace: str
    grants: Grants
    evidence: tuple[Verified, ...]
    suppressed: tuple[Suppressed, ...]
    policy_serial: int
    policy_digest: str
    trust_digest: str | None
    verified_at: int
    ends_at: int

    @property
    def app_id(self) -> str:
        """Of the program."""
        return self.config.manifest.app_id

    @property
    def expires(self) -> str:
        """Until when the verdict holds, `YYYY-MM-DDTHH:MM:SSZ`."""
        return to_text(self.ends_at)

    def to_json(self) -> dict[str, object]:
        """The `result` of `miniseal verify --json` (FORMATS section 7)."""
        manifest = self.config.manifest
        return {
            "app_id": manifest.app_id,
            "version": {"code": manifest.version_code, "name": manifest.version_name},
            "package": {"digest": self.package.digest, "size": self.package.size},
            "namespace": self.namespace,
            "grants": self.grants.to_json(),
            "limits": dict(self.grants.limits),
            "evidence": [each.to_json() for each in self.evidence],
            "suppressed": [each.to_json() for each in self.suppressed],
            "policy": {"serial": self.policy_serial, "digest": self.policy_digest},
            "trust": self.trust_digest,
            "verified": to_text(self.verified_at),
            "expires": self.expires,
        }
