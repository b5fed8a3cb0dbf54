"""Files under a MAC: `{"payload": base64, "mac": base64}` (FORMATS section 6).

HMAC-SHA256 over a purpose label and the raw payload, with a key of its own for each purpose,
compared before the payload is parsed. Who can read `mac.key` can write such files: it is a secret
of the host's own user.
"""

import binascii
import hmac

from miniseal.formats.errors import Code, FormatError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads

__all__ = ["KEY_SIZE", "MAC_INVALID", "SEALED_LIMIT", "derive", "seal", "unseal"]

KEY_SIZE = 32
"""Bytes of `mac.key`."""
SEALED_LIMIT = 64 * 1024 * 1024
"""Bytes of a file under a MAC; the head of 100,000 programs stays below."""

MAC_INVALID = Code(
    "mac-invalid",
    VerificationError,
    meaning="a file of the host's state was not written by this host, or was changed since",
    cause="the file was edited, or it or mac.key came from another host",
    remedy="find out who can write to the state; then start from an empty state and install again",
)

_LABEL = b"miniseal/state/v1/"


def derive(key: bytes, purpose: str) -> bytes:
    """The key for one purpose, from the host's key of `KEY_SIZE` bytes."""
    return hmac.digest(key, _LABEL + purpose.encode(), "sha256")


def seal(payload: bytes, key: bytes, purpose: str) -> bytes:
    """The file that holds `payload` under a MAC; `key` is of that purpose."""
    # Purposes are words of our own without a NUL, so the label cannot run into the payload.
    mac = hmac.digest(key, _LABEL + purpose.encode() + b"\0" + payload, "sha256")
    texts = (binascii.b2a_base64(mac, newline=False), binascii.b2a_base64(payload, newline=False))
    return b'{"mac":"%s","payload":"%s"}' % texts


def unseal(data: bytes, key: bytes, purpose: str) -> bytes:
    """The payload of a file under a MAC; `key` is of that purpose.

    Raises:
        VerificationError: `mac-invalid`, also for a file that is not of this form.
    """
    try:
        members = Members(loads(data, limit=SEALED_LIMIT, what=purpose), purpose, MAC_INVALID)
        payload = binascii.a2b_base64(members.string("payload"), strict_mode=True)
    except (FormatError, ValueError) as error:
        raise MAC_INVALID(f"the {purpose} is not a file under a MAC") from error
    # The whole file is compared: base64 and JSON have several ways to write one thing.
    if not hmac.compare_digest(data, seal(payload, key, purpose)):
        raise MAC_INVALID(f"the {purpose} does not have this host's MAC")
    return payload
