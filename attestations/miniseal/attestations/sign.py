"""From a statement's bytes to a bundle.

It signs the bytes it is given and stores those; it never writes a statement itself, and does not
judge what one says.
"""

from miniseal.attestations.signers.key import SIGNATURE_WRONG
from miniseal.attestations.signers.signer import Signer
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE
from miniseal.formats.errors import FormatError
from miniseal.formats.statement import Statement
from miniseal.formats.strictjson import TOO_LARGE

__all__ = ["sign_statement"]


def sign_statement(statement: bytes, signer: Signer) -> bytes:
    """The bytes of a Sigstore bundle v0.3 around `statement`, signed by `signer`.

    What the signer made is read as a verifier will read it, and has to hold the very bytes that it
    was given.

    Raises:
        FormatError: `statement-malformed`, `json-malformed` or `too-large`, before anything is
            signed, for bytes that are not a statement; `too-large` for a bundle that nobody reads.
        EnvironmentalError: `signature-wrong`, and what the signer adds.
    """
    Statement.from_bytes(statement)
    data = signer.sign_statement(statement)
    try:
        envelope = Bundle.from_bytes(data).envelope
    except FormatError as error:
        if error.code == TOO_LARGE.name:
            raise
        raise SIGNATURE_WRONG("the signer made an unreadable bundle", found=str(error)) from error
    if (envelope.payload_type, envelope.payload) != (IN_TOTO_PAYLOAD_TYPE, statement):
        raise SIGNATURE_WRONG("the signer signed something else than it was given")
    return data
