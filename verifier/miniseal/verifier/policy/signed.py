"""A policy as one signed file: an in-toto statement about its files, which it contains.

Only the bytes that were signed are believed: files that the policy does not name, or that the
statement is not about, are refused as well. When a policy is newer than another is `accept`'s.
"""

from collections.abc import Iterable

from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.predicates.policy import PREDICATE_TYPE, PolicyFiles
from miniseal.formats.statement import Statement, Subject
from miniseal.verifier.evidence import SIGNATURE_INVALID
from miniseal.verifier.host.load import POLICY_FILE
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey

__all__ = ["SIGNED_POLICY_INVALID", "read_signed", "statement_of"]

SIGNED_POLICY_INVALID = Code(
    "signed-policy-invalid",
    FormatError,
    meaning="a signed file is not a whole policy, or not what it says of itself",
    cause="a statement of another kind, a file missing or left over, or another serial",
    remedy="sign the policy again with `miniseal policy sign`",
)


def statement_of(policy: Policy) -> bytes:
    """The statement that is to be signed.

    Raises:
        FormatError: `too-large`.
    """
    files = PolicyFiles(serial=policy.serial, files=policy.contents)
    statement = Statement(
        subjects=tuple(Subject.of(digest, name) for name, digest in policy.files),
        predicate_type=PREDICATE_TYPE,
        predicate=files.to_json(),
    )
    return statement.to_bytes()


def read_signed(bundle: bytes, keys: Iterable[PublicKey]) -> Policy:
    """The policy in a bundle that one of `keys` signed.

    Raises:
        VerificationError: `signature-invalid`.
        FormatError: `signed-policy-invalid`, `predicate-malformed`, and what a bundle or a
            statement is refused for.
        UsageError: `policy-invalid`.
    """
    signed = Bundle.from_bytes(bundle)
    envelope = signed.envelope
    if (
        signed.certificate is not None
        or envelope.payload_type != IN_TOTO_PAYLOAD_TYPE
        or not any(key.verifies(envelope) for key in keys)
    ):
        raise SIGNATURE_INVALID(
            "the policy is not signed with a key that was given",
            found=(signed.key_hint or "no key")[:100],
            hint="get the public key of who signs policies in a way that you trust",
        )
    return _policy(Statement.from_bytes(envelope.payload))


def _policy(statement: Statement) -> Policy:
    if statement.predicate_type != PREDICATE_TYPE:
        found = statement.predicate_type[:200]
        raise SIGNED_POLICY_INVALID("the statement is no policy", found=found)
    signed = PolicyFiles.from_json(statement.predicate)
    if POLICY_FILE not in signed.files:
        raise SIGNED_POLICY_INVALID(f"the policy has no {POLICY_FILE}")

    def read(name: str) -> bytes:
        if name not in signed.files:
            raise POLICY_INVALID(f"policy: {name} is not among the signed files")
        return signed.files[name]

    policy = Policy.from_toml(signed.files[POLICY_FILE], read)
    subjects = [(each.name, each.digest) for each in statement.subjects]
    expected = [
        (name, {"sha256": sha256(content).removeprefix("sha256:")})
        for name, content in signed.files.items()
    ]
    if policy.contents.keys() != signed.files.keys() or subjects != expected:
        raise SIGNED_POLICY_INVALID("the statement is about other files than those of the policy")
    if policy.serial != signed.serial:
        raise SIGNED_POLICY_INVALID(
            "the statement has another serial than its policy",
            found=str(signed.serial),
            expected=str(policy.serial),
        )
    return policy
