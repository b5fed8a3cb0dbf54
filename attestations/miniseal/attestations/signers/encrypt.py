"""PKCS #8 with a password, written so that guessing the password takes long.

`cryptography` writes it with 2048 rounds of PBKDF2 and lets nobody choose more. Its primitives are
used here; only the few structures around them are written by hand (RFC 8018, PBES2). It reads any
number of rounds, as OpenSSL does.
"""

import base64
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["ROUNDS", "encrypted_pem"]

ROUNDS = 600_000
"""Of PBKDF2 with HMAC-SHA256: what OWASP's password storage cheat sheet asks for."""

_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209 0500")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04
_BLOCK = 16
_LINE = 64


def encrypted_pem(key: "PrivateKeyTypes", password: bytes) -> bytes:
    """The private key as PEM, `ENCRYPTED PRIVATE KEY`."""
    from cryptography.hazmat.primitives.ciphers import Cipher  # takes long
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
    from cryptography.hazmat.primitives.padding import PKCS7
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt, start = os.urandom(_BLOCK), os.urandom(_BLOCK)
    secret = PBKDF2HMAC(SHA256(), 32, salt, ROUNDS).derive(password)
    padder, encryptor = PKCS7(8 * _BLOCK).padder(), Cipher(AES(secret), CBC(start)).encryptor()
    hidden = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    return _pem(_info(salt, start, hidden))


def _info(salt: bytes, start: bytes, hidden: bytes) -> bytes:
    """EncryptedPrivateKeyInfo (RFC 5958) with PBES2, PBKDF2 and AES-256-CBC."""
    rounds = _tlv(_INTEGER, ROUNDS.to_bytes(ROUNDS.bit_length() // 8 + 1, "big"))
    derivation = _tlv(_OCTETS, salt) + rounds + _tlv(_SEQUENCE, _HMAC_SHA256)
    parameters = _tlv(_SEQUENCE, _PBKDF2 + _tlv(_SEQUENCE, derivation)) + _tlv(
        _SEQUENCE, _AES_256_CBC + _tlv(_OCTETS, start)
    )
    algorithm = _tlv(_SEQUENCE, _PBES2 + _tlv(_SEQUENCE, parameters))
    return _tlv(_SEQUENCE, algorithm + _tlv(_OCTETS, hidden))


def _tlv(tag: int, content: bytes) -> bytes:
    """DER of one value; a key's are shorter than 65,536 bytes."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    label = b"ENCRYPTED PRIVATE KEY-----"
    return b"\n".join([b"-----BEGIN " + label, *lines, b"-----END " + label, b""])
