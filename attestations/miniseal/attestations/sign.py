"""From a statement's bytes to a bundle.

It signs the bytes it is given and stores those; it never writes a statement itself, and does not
judge what one says.
"""

from miniseal.attestations.signers.signer import Signer
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.statement import Statement

__all__ = ["sign_statement"]


def sign_statement(statement: bytes, signer: Signer) -> bytes:
    """The bytes of a Sigstore bundle v0.3 around `statement`, signed by `signer`.

    Raises:
        FormatError: `statement-malformed`, `json-malformed` or `too-large`, before anything is
            signed, for bytes that are not a statement; `too-large` for a bundle that nobody reads.
    """
    Statement.from_bytes(statement)
    signature = signer.sign(pae(IN_TOTO_PAYLOAD_TYPE, statement))
    envelope = Envelope(
        payload=statement, payload_type=IN_TOTO_PAYLOAD_TYPE, signatures=(signature,)
    )
    return Bundle(envelope=envelope, key_hint=signer.hint).to_bytes()
