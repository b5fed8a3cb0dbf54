"""DSSE v1 envelopes, and the bytes that their signatures are over.

No signature is checked here, and a payload is never parsed. `keyid` is ignored when read, as the
specification says of it, and never written: cosign refuses a bundle whose keyid it does not know.
"""

import base64
from dataclasses import dataclass

from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members

__all__ = ["ENVELOPE_MALFORMED", "IN_TOTO_PAYLOAD_TYPE", "Envelope", "base64_member", "pae"]

IN_TOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json"

ENVELOPE_MALFORMED = Code(
    "envelope-malformed",
    FormatError,
    meaning="a DSSE envelope does not follow its specification",
    cause="a missing member, no signature, or base64 in another alphabet or without padding",
    remedy="attach envelopes as `miniseal release` or cosign write them",
)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what a DSSE signature is over (DSSE v1 `protocol.md`)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def base64_member(members: Members, name: str) -> bytes:
    """A member's bytes from standard base64, in the one way of writing them.

    Raises:
        MinisealError: the code of `members`, for another alphabet, white space, wrong padding, left
            over bits, or nothing at all.
    """
    text = members.string(name)
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if base64.b64encode(data).decode() != text:
        raise members.code(
            f"{members.what}.{name} is not strict base64",
            found=repr(text)[:60],
            expected="the standard alphabet with padding",
        )
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload with signatures over `pae(payload_type, payload)`.

    Attributes:
        payload: the very bytes that were signed.
        payload_type: their media type.
        signatures: raw, at least one; none has been checked.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]

    @classmethod
    def from_members(cls, members: Members) -> "Envelope":
        """Read an envelope (DSSE v1 `envelope.md`); unknown members are ignored.

        Raises:
            FormatError: `envelope-malformed`.
        """
        # Errors carry the envelope's code, whatever document it is a part of.
        envelope = Members(members.values, members.what, ENVELOPE_MALFORMED)
        signatures = envelope.children("signatures")
        if not signatures:
            raise ENVELOPE_MALFORMED(f"{envelope.what} has no signature")
        return cls(
            payload=base64_member(envelope, "payload"),
            payload_type=envelope.string("payloadType"),
            signatures=tuple(base64_member(signature, "sig") for signature in signatures),
        )

    def to_json(self) -> dict[str, object]:
        """The envelope as a JSON object."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"sig": base64.b64encode(sig).decode()} for sig in self.signatures],
        }
