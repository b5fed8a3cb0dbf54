"""Signing: statements in, Sigstore bundles out.

Nothing here decides what is stated, verifies, or opens a connection.
"""

from miniseal.attestations.sign import sign_statement
from miniseal.attestations.signers.file import FileSigner
from miniseal.attestations.signers.generate import generate_key
from miniseal.attestations.signers.signer import Signer

__all__ = ["FileSigner", "Signer", "generate_key", "sign_statement"]
