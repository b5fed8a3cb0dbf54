"""Verified evidence without a package around it, for tests of single checks.

Nothing is signed: a check believes what it is given.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from kit.packages import key
from miniseal.formats.digest import sha256
from miniseal.verifier import Policy
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.signatory import Signatory

__all__ = ["collected", "policy", "said"]

P = TypeVar("P")

_TOML = """\
version = 1
serial = 1
expires = 2027-03-01T00:00:00Z
max_admission_age = "30d"
host = {platform_version = 1}
"""


def policy(
    signers: Mapping[str, Iterable[str]],
    builders: Mapping[str, Iterable[str]],
    *,
    thresholds: Mapping[str, int] | None = None,
) -> Policy:
    """A policy for `com.acme.*`, published by `acme`, with these signers' keys and builders."""
    lines = [_TOML]
    for name, keys in signers.items():
        files = ", ".join(f'{{file = "{each}"}}' for each in keys)
        threshold = (thresholds or {}).get(name, 1)
        lines.append(f"[signer.{name}]\nkeys = [{files}]\nthreshold = {threshold}\n")
    for builder, names in builders.items():
        listed = ", ".join(f'"{name}"' for name in names)
        lines.append(f'[[builder]]\nid = "{builder}"\nsigners = [{listed}]\nlevel = 2\n')
    lines.append('[[namespace]]\napps = "com.acme.*"\npublishers = ["acme"]\n')
    lines.append('[namespace.require.sbom]\nsigners = ["acme"]\n')
    return Policy.from_toml("\n".join(lines).encode(), lambda name: key(name).public_pem)


def said(predicate: P, key_name: str, *signers: str) -> Evidence[P]:
    """A statement by that key, which is known as `signers`, or by its own name."""
    public = PublicKey.from_pem(key(key_name).public_pem, what="key", code=POLICY_INVALID)
    data = f"{predicate} {key_name}".encode()
    return Evidence(
        bundle=sha256(data),
        data=data,
        predicate=predicate,
        subjects=(),
        signatory=Signatory.of_key(public),
        signers=frozenset(signers or (key_name,)),
    )


def collected(*evidence: Evidence[object]) -> Collected:
    """All there is."""
    return Collected(evidence=evidence)
