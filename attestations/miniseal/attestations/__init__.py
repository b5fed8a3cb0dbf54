"""Signing: statements in, Sigstore bundles out.

Nothing here decides what is stated, or verifies for anybody else.
"""

from miniseal.attestations.sign import sign_statement
from miniseal.attestations.signers.file import FileSigner
from miniseal.attestations.signers.generate import generate_key
from miniseal.attestations.signers.key import KeySigner
from miniseal.attestations.signers.keyless import KeylessSigner
from miniseal.attestations.signers.open import extra_of, open_signer
from miniseal.attestations.signers.signer import KeyIdentity, KeylessIdentity, Signer

__all__ = [
    "FileSigner",
    "KeyIdentity",
    "KeySigner",
    "KeylessIdentity",
    "KeylessSigner",
    "Signer",
    "extra_of",
    "generate_key",
    "open_signer",
    "sign_statement",
]
