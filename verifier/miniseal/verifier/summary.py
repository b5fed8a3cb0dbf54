"""What a verification can tell others: a verdict as a statement that they can rely on.

Pure: nothing is signed here, and nothing is checked a second time but the builder's level, which is
claimed only as far as the policy knows it.
"""

import base64
from collections.abc import Iterable
from dataclasses import replace

from miniseal.formats.config import Config
from miniseal.formats.errors import VerificationError
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.vsa import FAILED, PASSED, AuditMark, Vsa, build_level
from miniseal.formats.times import to_text
from miniseal.verifier.checks.provenance import check_provenance
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.verdict import Verdict

__all__ = ["failed", "level_of", "passed", "resource_uri"]

_LEVELS = (4, 3, 2, 1)


def resource_uri(config: Config) -> str:
    """What a package is verified as, wherever it is stored: program and version."""
    manifest = config.manifest
    return f"pkg:generic/{manifest.app_id}@{manifest.version_name}"


def passed(
    verdict: Verdict,
    policy: Policy,
    evidence: Iterable[Evidence[object]],
    *,
    verifier_id: str,
    audit: AuditMark | None = None,
) -> Vsa:
    """The summary of a verdict.

    Args:
        verdict: what came of the verification.
        policy: that it was made by.
        evidence: all that was verified.
        verifier_id: a URI; who verified.
        audit: where the verifier's log ended, or None.
    """
    return Vsa(
        verifier_id=verifier_id,
        verifier_version=_version(),
        verified_on=to_text(verdict.verified_at),
        resource_uri=resource_uri(verdict.config),
        policy=_policy(policy),
        inputs=tuple(_resource(each.bundle) for each in verdict.evidence),
        result=PASSED,
        levels=(build_level(level_of(verdict, policy, evidence)),),
        audit=audit,
    )


def failed(config: Config, policy: Policy, *, verifier_id: str, now: int) -> Vsa:
    """The summary of a verification that refused the package with this config."""
    return Vsa(
        verifier_id=verifier_id,
        verifier_version=_version(),
        verified_on=to_text(now),
        resource_uri=resource_uri(config),
        policy=_policy(policy),
        result=FAILED,
        levels=(FAILED,),
    )


def level_of(verdict: Verdict, policy: Policy, evidence: Iterable[Evidence[object]]) -> int:
    """The highest level of a builder by which the provenance would still be accepted; else 0.

    Where the namespace demands no provenance, its publishers' is looked at.
    """
    namespace = policy.namespace(verdict.app_id)
    rule = namespace.require.provenance or model.Provenance(signers=namespace.publishers)
    collected, now = Collected(evidence=tuple(evidence)), verdict.verified_at
    for level in _LEVELS:
        try:
            check_provenance(replace(rule, min_level=level), collected, policy, now)
        except VerificationError:
            continue
        return level
    return 0


def _policy(policy: Policy) -> Resource:
    """The policy by its digest, from which its name is made: it need not be published anywhere."""
    digits = policy.digest.removeprefix("sha256:")
    name = base64.urlsafe_b64encode(bytes.fromhex(digits)).decode().rstrip("=")
    return Resource(
        uri=f"ni:///sha-256;{name}",  # RFC 6920
        digest={"sha256": digits},
        annotations={"serial": policy.serial},
    )


def _resource(digest: str) -> Resource:
    return Resource(digest={"sha256": digest.removeprefix("sha256:")})


def _version() -> dict[str, str]:
    from importlib import metadata  # slow

    return {"miniseal": metadata.version("miniseal")}
