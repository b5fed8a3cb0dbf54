"""Who is somebody else: than a publisher, and than each other.

A policy's names are only names: one key may stand under two of them, and one certificate may fit
two patterns. What counts is who signed.
"""

from collections.abc import Iterable

from miniseal.verifier.evidence import Evidence
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.identity import matches

__all__ = ["distinct", "is_publisher"]


def is_publisher(evidence: Evidence[object], namespace: Namespace, policy: Policy) -> bool:
    """Whether whoever signed could have signed as a publisher of the namespace."""
    by = evidence.signatory
    keys = {key.digest for name in namespace.publishers for key in policy.keys.get(name, ())}
    if by.id in keys or evidence.signers.intersection(namespace.publishers):
        return True
    signers = (policy.document.signer[name] for name in namespace.publishers)
    return by.certificate is not None and any(matches(each, by.certificate) for each in signers)


def distinct(persons: Iterable[frozenset[str]]) -> int:
    """How many there are when those who share anything of what they are known by are one."""
    apart: list[frozenset[str]] = []
    for person in persons:
        shared = [each for each in apart if each & person]
        apart = [each for each in apart if not each & person]
        apart.append(person.union(*shared))
    return len(apart)
