"""Who has to be somebody else: a signer under two names would vouch for itself.

Two signers may be the same where they share a key, or where one certificate could be both's. Names
alone are not compared: a mistake in a key's file name must not make a publisher its own rebuilder.
"""

from itertools import combinations

from miniseal.verifier.policy.model import Document, Namespace, Signer
from miniseal.verifier.policy.patterns import patterns_meet
from miniseal.verifier.policy.values import invalid

__all__ = ["check_independence"]


def check_independence(document: Document, keys: dict[str, frozenset[str]]) -> None:
    """Check every namespace's rules that ask for somebody else.

    Args:
        document: checked by `rules`.
        keys: the digests of each signer's keys.

    Raises:
        UsageError: `policy-invalid`.
    """
    for index, namespace in enumerate(document.namespace):
        where = f"namespace[{index}].require"
        for member, names, others in _demands(namespace):
            for name in names:
                for other in others:
                    if _may_be_same(name, other, document, keys):
                        expected = f"somebody else than {other}"
                        raise invalid(f"{where}.{member}", "is not independent", name, expected)
            for name, other in combinations(names, 2):
                if _may_be_same(name, other, document, keys):
                    found = f"{name} and {other}"
                    raise invalid(f"{where}.{member}", "counts somebody twice", found)


def _demands(namespace: Namespace) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Members whose signers have to be distinct, and from whom else."""
    require, demands = namespace.require, list[tuple[str, tuple[str, ...], tuple[str, ...]]]()
    if require.rebuilders is not None:
        built = () if require.provenance is None else require.provenance.signers
        others = tuple(dict.fromkeys((*namespace.publishers, *built)))
        demands.append(("rebuilders.signers", require.rebuilders.signers, others))
    if require.verification is not None:
        # one verifier may have several ids
        names = tuple(dict.fromkeys(each.signer for each in require.verification.verifiers))
        demands += [("verification.verifiers", (name,), namespace.publishers) for name in names]
    return demands


def _may_be_same(
    name: str, other: str, document: Document, keys: dict[str, frozenset[str]]
) -> bool:
    first, second = document.signer[name], document.signer[other]
    if name == other or keys[name] & keys[other]:
        return True
    return first.issuer is not None and first.issuer == second.issuer and _meet(first, second)


def _meet(first: Signer, second: Signer) -> bool:
    """Whether a certificate of one issuer could be both's, or nearly: refs are not looked at."""
    for member in ("source_repository_id", "source_owner_id"):
        one, two = getattr(first, member), getattr(second, member)
        if one is not None and two is not None and one != two:
            return False
    return patterns_meet(
        first.identity or first.identity_pattern or "",
        second.identity or second.identity_pattern or "",
    )
