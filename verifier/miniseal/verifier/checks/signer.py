"""Who has to have spoken: enough distinct keys of one signer, and a publisher of the namespace.

A threshold is met by statements that are each good enough by themselves: k bundles of one kind by k
distinct keys of the same signer, never of several signers together.
"""

from collections.abc import Callable
from typing import TypeVar

from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.verifier.evidence import THRESHOLD_UNMET, Collected, CosignSignature, Evidence
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy

__all__ = ["PUBLISHER_MISSING", "anything", "check_publisher", "rely"]

PUBLISHER_MISSING = Code(
    "publisher-missing",
    VerificationError,
    meaning="no publisher of the namespace has signed the package",
    cause="somebody else published it, or only other people's evidence was copied with it",
    remedy="publish as a publisher whom the policy names for this namespace",
)

_P = TypeVar("_P")


def anything(evidence: object, signer: str) -> None:
    """Accept every statement."""
    del evidence, signer


def rely(
    collected: Collected,
    kind: type[_P],
    names: tuple[str, ...],
    policy: Policy,
    accept: Callable[[Evidence[_P], str], None] = anything,
) -> tuple[Evidence[_P], ...]:
    """The statements, one per key, that make one of the signers `names` meet its threshold.

    Args:
        collected: all there is.
        kind: of predicate.
        names: signers who may say this.
        policy: their thresholds.
        accept: raises for a statement that is not good enough when said by that signer.

    Raises:
        VerificationError: of `accept` for the first statement refused, else `threshold-unmet`,
            else what `Collected.missing` says.
    """
    problem: MinisealError | None = None
    for name in names:
        by: dict[str, Evidence[_P]] = {}
        for evidence in collected.by(kind, (name,)):
            try:
                accept(evidence, name)
            except VerificationError as error:
                problem = problem or error
            else:
                by.setdefault(evidence.signatory.id, evidence)
        threshold = policy.document.signer[name].threshold
        if len(by) >= threshold:
            return tuple(by.values())
        if by:
            problem = problem or THRESHOLD_UNMET(
                f"too few keys of {name} have signed",
                found=str(len(by)),
                expected=f"{threshold} distinct keys",
            )
    raise problem or collected.missing(kind, names)


def check_publisher(
    namespace: Namespace, collected: Collected, policy: Policy
) -> tuple[Evidence[object], ...]:
    """What shows that a publisher stands behind the package: provenance or a cosign signature.

    Other evidence, a scan for example, is also made by people who publish something else.

    Raises:
        VerificationError: `publisher-missing`.
    """
    for kind in (Provenance, CosignSignature):
        try:
            return rely(collected, kind, namespace.publishers, policy)
        except VerificationError:
            continue
    raise PUBLISHER_MISSING(
        "no publisher of the namespace has signed the package",
        expected=f"provenance or a signature by {' or '.join(namespace.publishers)}",
    )
