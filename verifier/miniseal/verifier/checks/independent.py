"""Whether somebody is not a publisher under another name.

A policy's names are only names: one key may stand under two of them, and one certificate may fit
two patterns. What counts is who signed.
"""

from miniseal.verifier.evidence import Evidence
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy

__all__ = ["is_publisher"]


def is_publisher(evidence: Evidence[object], namespace: Namespace, policy: Policy) -> bool:
    """Whether whoever signed could have signed as a publisher of the namespace."""
    keys = {key.digest for name in namespace.publishers for key in policy.keys[name]}
    return evidence.key.digest in keys or bool(evidence.signers.intersection(namespace.publishers))
