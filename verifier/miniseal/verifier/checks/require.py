"""Everything that a namespace requires, in one place: which rule is checked by what."""

from dataclasses import dataclass

from miniseal.formats.predicates.scai import Scai
from miniseal.verifier.checks.provenance import check_provenance
from miniseal.verifier.checks.sbom import check_sbom
from miniseal.verifier.checks.signer import check_publisher, rely
from miniseal.verifier.checks.test_result import check_results
from miniseal.verifier.checks.vulnerabilities import check_vulnerabilities
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.vex import Identity, Suppressed

__all__ = ["Relied", "check_required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relied:
    """What an admission rests on.

    Attributes:
        evidence: the statements.
        ends: when some of them get too old, seconds since 1970.
        suppressed: findings of scans that did not count.
    """

    evidence: tuple[Evidence[object], ...]
    ends: tuple[int, ...]
    suppressed: tuple[Suppressed, ...] = ()


def check_required(
    namespace: Namespace,
    collected: Collected,
    policy: Policy,
    *,
    identity: Identity,
    wasm: str,
    now: int,
) -> Relied:
    """Check every rule of the namespace's `require`, and that a publisher has signed.

    Args:
        namespace: whose rules.
        collected: the evidence.
        policy: signers and builders.
        identity: of the package.
        wasm: digest of the package's wasm.
        now: seconds since 1970.

    Raises:
        VerificationError: the codes of the single checks.
    """
    require = namespace.require
    relied: list[Evidence[object]] = []
    ends: list[int] = []
    suppressed: tuple[Suppressed, ...] = ()
    if require.provenance is not None:
        relied += check_provenance(require.provenance, collected, policy)
    if require.sbom is not None:
        relied += check_sbom(require.sbom, collected, policy, wasm)
    if require.vulnerabilities is not None:
        judged = check_vulnerabilities(require.vulnerabilities, collected, policy, identity, now)
        relied += judged.evidence
        ends.append(judged.end)
        suppressed = judged.suppressed
    if require.checks is not None:
        relied += check_results(require.checks, collected, policy)
    if require.capabilities is not None:
        relied += rely(collected, Scai, require.capabilities.signers, policy)
    relied += check_publisher(namespace, collected, policy)
    return Relied(evidence=tuple(relied), ends=tuple(ends), suppressed=suppressed)
