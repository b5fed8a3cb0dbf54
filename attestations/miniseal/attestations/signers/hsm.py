"""A token that speaks PKCS #11: `pkcs11:token=LABEL;id=%02`, or `hsm:2?label=LABEL`.

The second form is securesystemslib's own. It wants the token's library in PYKCS11LIB; the PIN is
asked for once.
P-256 only: securesystemslib does not sign with a token's Ed25519 keys.
"""

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from miniseal.attestations.signers.file import KEY_PASSWORD, Ask
from miniseal.attestations.signers.service import SIGNER_UNAVAILABLE, ServiceSigner, asking

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["open_hsm"]

_SHORT = re.compile(r"hsm:(?P<id>[0-9]{1,9})?(?:\?(?P<query>.*))?")
_WHERE = "pkcs11:token=LABEL;id=%02, or hsm:ID?label=LABEL"
_IGNORED = frozenset({"type", "manufacturer", "model", "serial"})


def open_hsm(uri: str, ask: Ask | None) -> ServiceSigner:
    """The signer of a key on a token; with `ask` it is known that the PIN is right.

    Raises:
        UsageError: `key-unsupported`, `key-password`.
        EnvironmentalError: `signer-unavailable`.
    """
    number, label = _named(uri)
    pin = _Pin(f"the PIN of {uri}", ask)
    with asking(uri):
        from securesystemslib.signer import HSMSigner  # type: ignore[attr-defined]  # no __all__

        name, key = HSMSigner.import_(number, label, pin)
        if ask is not None:
            _log_in(dict(parse_qsl(name.partition("?")[2])).get("label"), pin, uri)
        return ServiceSigner.of(HSMSigner.from_priv_key_uri(name, key, pin), what=uri)


class _Pin:
    """securesystemslib asks for it at every signature, a person is asked once."""

    def __init__(self, what: str, ask: Ask | None) -> None:
        self._what = what
        self._ask = ask
        self._pin: str | None = None

    def __call__(self, _: str) -> str:
        if self._pin is None:
            if self._ask is None:
                raise KEY_PASSWORD(f"{self._what} is needed, and there is nobody to ask")
            self._pin = self._ask(self._what)
        return self._pin


def _log_in(label: str | None, pin: _Pin, uri: str) -> None:
    """Find out now, not after a long build, whether the PIN is right."""
    import pkcs11
    from pkcs11.exceptions import PinIncorrect, PinLenRange

    library = pkcs11.lib(os.environ["PYKCS11LIB"])
    token = library.get_token(token_label=label, token_flags=pkcs11.TokenFlag.TOKEN_INITIALIZED)
    try:
        with token.open(user_pin=pin("")):
            pass
    except (PinIncorrect, PinLenRange) as error:
        raise KEY_PASSWORD(f"the PIN of {uri} is wrong") from error


def _named(uri: str) -> tuple[int | None, str | None]:
    """The key's number and the token's label."""
    if uri.startswith("pkcs11:"):
        return _of_rfc7512(uri)
    short = _SHORT.fullmatch(uri)
    query = dict(parse_qsl(short["query"] or "")) if short else {}
    if short is None or not query.keys() <= {"label"}:
        raise _unreadable(uri)
    return int(short["id"]) if short["id"] else None, query.get("label")


def _of_rfc7512(uri: str) -> tuple[int | None, str | None]:
    """Token and id of a PKCS #11 URI (RFC 7512).

    Its other attributes would choose differently, or are secrets: they are refused, unless they
    only describe the token.
    """
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    pairs = [part.partition("=") for part in path.split(";") if part]
    attributes: Mapping[str, str] = {name: value for name, _, value in pairs}
    known = {"token", "id", *_IGNORED}
    if query or len(attributes) != len(pairs) or not attributes.keys() <= known:
        raise _unreadable(uri.partition("?")[0])
    number = None
    if "id" in attributes:
        raw = unquote_to_bytes(attributes["id"])
        number = int.from_bytes(raw, "big")
        if not raw or (len(raw) > 1 and raw[0] == 0):  # securesystemslib knows ids as numbers
            raise _unreadable(uri)
    label = attributes.get("token")
    return number, unquote(label) if label is not None else None


def _unreadable(uri: str) -> Exception:
    return SIGNER_UNAVAILABLE(
        "this is not the URI of a key on a token",
        found=repr(uri)[:200],
        expected=_WHERE,
        hint="the library goes into PYKCS11LIB, the PIN into MINISEAL_KEY_PASSWORD",
    )
