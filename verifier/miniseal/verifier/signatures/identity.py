"""Whether a certificate's owner is whom a policy's signer means.

Everything that the signer states has to be so; what it leaves out is not asked. The certificate has
been verified before: this compares words.
"""

from miniseal.verifier.policy.model import Signer
from miniseal.verifier.policy.patterns import identity_matches, text_matches
from miniseal.verifier.signatures.certificate import CertificateIdentity

__all__ = ["matches"]

_EXACT = ("source_repository_id", "source_owner_id", "runner_environment", "build_trigger")


def matches(signer: Signer, identity: CertificateIdentity) -> bool:
    """Whether `identity` is the keyless `signer`; a signer by keys is nobody's identity."""
    return (
        signer.issuer is not None
        and signer.issuer == identity.issuer
        and _subject_matches(signer, identity.subject)
        and all(getattr(signer, name) in {None, getattr(identity, name)} for name in _EXACT)
        and _ref_matches(signer.source_ref, identity.source_ref)
    )


def _subject_matches(signer: Signer, subject: str) -> bool:
    if signer.identity is not None:
        return signer.identity_pattern is None and signer.identity == subject
    pattern = signer.identity_pattern
    return pattern is not None and identity_matches(pattern, subject)


def _ref_matches(pattern: str | None, ref: str | None) -> bool:
    return pattern is None or (ref is not None and text_matches(pattern, ref))
