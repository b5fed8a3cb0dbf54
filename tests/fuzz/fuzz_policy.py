"""Policies: any bytes are a policy that demands something of everybody, or are refused."""

import hashlib
from contextlib import suppress
from dataclasses import fields

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import Envelope
from miniseal.formats.errors import MinisealError
from miniseal.formats.statement import Statement
from miniseal.verifier.policy.advice import warnings
from miniseal.verifier.policy.explain import explain
from miniseal.verifier.policy.model import Namespace, Signer
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.policy.signed import statement_of

ROOTS = (
    b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json","certificateAuthorities":[1],'
    b'"signed":{"_type":"root"}}'
)
LAYOUT = Bundle(
    envelope=Envelope(payload=b"{}", payload_type="text/plain", signatures=(b"x",))
).to_bytes()


def read(name: str) -> bytes:
    """A file of any name: a root, a layout, or a key of its own."""
    if name.endswith("root.json"):
        return ROOTS
    if name.endswith(".json"):
        return LAYOUT
    seed = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`, and nothing else than a whole policy."""
    with suppress(MinisealError):
        policy = Policy.from_toml(data, read)
        known = set(policy.signers)
        for name, signer in policy.document.signer.items():
            check_signer(signer, policy)
            assert len(policy.keys[name]) == len(signer.keys)
        assert policy.namespaces
        for namespace in policy.namespaces:
            check_namespace(namespace, known)
        assert all(section.lines for section in explain(policy))
        assert all(warnings(policy, now=now) is not None for now in (0, 2**40))
        Statement.from_bytes(statement_of(policy))


def check_signer(signer: Signer, policy: Policy) -> None:
    """A signer is keys, or somebody of an issuer whom trust is there to verify."""
    assert bool(signer.keys) != (signer.issuer is not None)
    if signer.keys:
        assert 1 <= signer.threshold <= len(signer.keys)
        return
    assert policy.trusted_root is not None or policy.tuf_root is not None
    identity = signer.identity or signer.identity_pattern or ""
    assert identity.strip("*")
    if "github" in identity:
        assert signer.source_repository_id
        assert signer.source_owner_id


def check_namespace(namespace: Namespace, known: set[str]) -> None:
    """A namespace demands something, by signers that the policy has."""
    rules = [getattr(namespace.require, each.name) for each in fields(namespace.require)]
    demanded = [rule for rule in rules if rule is not None]
    assert demanded
    assert set(namespace.publishers)
    for rule in demanded:
        names = set(getattr(rule, "signers", ())) | {
            each.signer for each in getattr(rule, "verifiers", ())
        }
        assert names
        assert names <= known
