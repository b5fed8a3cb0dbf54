"""Signing with an OIDC identity: a short-lived certificate, a log entry, a timestamp.

sigstore-python does it. What it lets pass is refused here: it only warns where a timestamp
authority fails, and does not ask whether anybody can verify what it made. Its client of Fulcio has
no time limit.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from miniseal.attestations.signers.key import SIGNATURE_WRONG
from miniseal.attestations.signers.service import SIGNER_UNAVAILABLE, asking
from miniseal.attestations.signers.signer import KeylessIdentity
from miniseal.attestations.signers.token import Tokens, log_in
from miniseal.formats.errors import Code, UsageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.dsse import Statement
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer as TheirSigner

__all__ = ["TRUST_CONFIG_INVALID", "KeylessSigner"]

TRUST_CONFIG_INVALID = Code(
    "trust-config-invalid",
    UsageError,
    meaning="a file does not say where and how to sign with a Sigstore instance",
    cause="a trusted root alone, another version, or services that are all out of their time",
    remedy="give a ClientTrustConfig v0.1: a trusted root together with a signing config v0.2",
)

_PUBLIC = "Sigstore's public instance"
_ENOUGH = 30.0
"""Seconds that a certificate has to be valid for to begin a signature with."""


class KeylessSigner:
    """A `Signer` by identity; `open` is the way in.

    One certificate signs everything until it ends; the next one has to be for the same identity.
    """

    def __init__(
        self,
        config: "ClientTrustConfig",
        tokens: Tokens,
        token: "IdentityToken",
        *,
        bound: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take an instance's configuration and the first token, `bound` to one authority or not.

        Raises:
            UsageError: `trust-config-invalid`.
        """
        self._config = config
        self._tokens = tokens
        self._token = token
        self._bound = bound
        self._clock = clock
        self._lock = threading.Lock()
        self._timestamps = _timestamps(config)
        self._signer: TheirSigner | None = None
        self._identity: KeylessIdentity | None = None
        self._ends = 0.0

    @classmethod
    def open(
        cls,
        *,
        trust_config: bytes | None = None,
        token: str | None = None,
        interactive: bool = False,
        bound: bool = False,
    ) -> "KeylessSigner":
        """A signer whose token is at hand and valid; no certificate is asked for yet.

        Args:
            trust_config: a private instance's ClientTrustConfig, JSON; None for the public one,
                whose own is brought up to date by TUF.
            token: an OIDC token; None for the CI system's, or a login.
            interactive: whether somebody could log in with a browser.
            bound: ask the CI system for a token that no other instance takes. Whoever a
                configuration names as certificate authority gets the token, and could use one for
                all of Sigstore elsewhere.

        Raises:
            UsageError: `token-invalid`, `token-missing`, `trust-config-invalid`.
            EnvironmentalError: `signer-unavailable`.
        """
        if bound:
            config = _configured(trust_config)
            tokens = Tokens(given=token, audience=_authority_url(config))
            first = tokens.first()
        else:
            tokens = Tokens(given=token, interactive=interactive)
            first = tokens.first()
            config = _configured(trust_config)
        return cls(config, tokens, first or log_in(_login_url(config)), bound=bound)

    @property
    def name(self) -> str:
        """Who the token says it is; a CI system's certificate will name the workflow instead."""
        return f"the identity {self._token.identity} of {self._token.federated_issuer}"

    @property
    def identity(self) -> KeylessIdentity:
        """Who the certificate says it is; asks for one, which is logged for everybody to see.

        Raises:
            UsageError: `token-invalid`.
            EnvironmentalError: `signer-unavailable`, `signature-wrong`.
        """
        with self._lock:
            return self._certified()[1]

    def sign_statement(self, statement: bytes) -> bytes:
        """A bundle with certificate, log entry and timestamps, verified with the trusted root.

        Raises:
            UsageError: `token-invalid`.
            EnvironmentalError: `signer-unavailable`, `signature-wrong`.
        """
        with self._lock:
            signer, identity = self._certified()
        with asking("Sigstore"):  # its clients have a session for each thread
            bundle = signer.sign_dsse(_opaque(statement))
        self._check(bundle, identity)
        return bundle.to_json().encode()

    def _certified(self) -> "tuple[TheirSigner, KeylessIdentity]":
        """A signer with a certificate that is valid for a while."""
        if self._signer is None or self._identity is None or self._ends < self._clock() + _ENOUGH:
            from sigstore.sign import Signer, SigningContext  # takes long

            self._token = self._tokens.again(self._token)
            with asking("Sigstore"):
                context = SigningContext.from_trust_config(self._config)
                self._check_authority(context._fulcio.url)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                signer = Signer(self._token, context)
                certificate = signer._signing_cert()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                identity = self._named(certificate)
            if self._identity not in {None, identity}:
                raise SIGNATURE_WRONG(
                    "the next certificate is for another identity",
                    found=str(identity),
                    expected=str(self._identity),
                )
            self._signer, self._identity = signer, identity
            self._ends = certificate.not_valid_after_utc.timestamp()
        return self._signer, self._identity

    def _check_authority(self, url: str) -> None:
        """Refuse to send a bound token elsewhere: which authority is in use depends on the time."""
        if self._bound and url != self._tokens.audience:
            raise TRUST_CONFIG_INVALID(
                "the trust configuration has another certificate authority by now",
                found=url[:200],
                expected=self._tokens.audience[:200],
            )

    def _named(self, certificate: "Certificate") -> KeylessIdentity:
        from cryptography.hazmat.primitives.serialization import Encoding  # takes long
        from cryptography.x509 import SubjectAlternativeName

        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        return KeylessIdentity(
            issuer=self._token.federated_issuer,
            subject=str(next(iter(names)).value),
            certificate=certificate.public_bytes(Encoding.DER),
            trusted_root=self._config._inner.trusted_root.to_json().encode(),  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        )

    def _check(self, bundle: "Bundle", identity: KeylessIdentity) -> None:
        from sigstore.errors import Error  # takes long
        from sigstore.verify import Verifier
        from sigstore.verify.policy import Identity

        stamped = bundle.verification_material.timestamp_verification_data
        found = len(stamped.rfc3161_timestamps) if stamped else 0
        if found != self._timestamps:
            raise SIGNER_UNAVAILABLE(
                "a timestamp authority did not sign",
                found=f"{found} timestamps",
                expected=str(self._timestamps),
            )
        who = Identity(identity=identity.subject, issuer=identity.issuer)
        try:
            Verifier(trusted_root=self._config.trusted_root).verify_dsse(bundle, who)
        except (Error, ValueError) as error:
            raise SIGNATURE_WRONG(
                "the bundle does not verify with the instance's own trusted root",
                found=str(error).partition("\n")[0][:200],
            ) from error


def _opaque(data: bytes) -> "Statement":
    """The bytes as what sigstore-python signs.

    Its own reading of a statement demands a name of every subject, which in-toto does not.
    """
    from sigstore.dsse import Statement  # takes long

    statement = Statement.__new__(Statement)
    statement._contents = data  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return statement


def _configured(trust_config: bytes | None) -> "ClientTrustConfig":
    return _public() if trust_config is None else _private(trust_config)


def _public() -> "ClientTrustConfig":
    with asking(_PUBLIC):
        from sigstore.models import ClientTrustConfig  # takes long

        return ClientTrustConfig.production()


def _private(data: bytes) -> "ClientTrustConfig":
    from sigstore.errors import Error  # takes long
    from sigstore.models import ClientTrustConfig

    try:
        return ClientTrustConfig.from_json(data.decode("utf-8"))
    except (Error, ValueError) as error:
        raise _unusable(error) from error


def _authority_url(config: "ClientTrustConfig") -> str:
    """The certificate authority that will be asked, as the configuration spells it.

    Raises:
        UsageError: `trust-config-invalid`.
    """
    from sigstore.errors import Error  # takes long

    try:
        url = config.signing_config.get_fulcio().url
        parts = urlsplit(url)
    except (Error, ValueError) as error:
        raise _unusable(error) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        # the audience of a token has to name who gets it, and no other instance
        raise TRUST_CONFIG_INVALID(
            "the certificate authority has no URL", found=url[:200], expected="https://.."
        )
    return url


def _login_url(config: "ClientTrustConfig") -> str:
    from sigstore.errors import Error  # takes long

    try:
        return config.signing_config.get_oidc_url()
    except (Error, ValueError) as error:
        raise _unusable(error) from error


def _timestamps(config: "ClientTrustConfig") -> int:
    """How many timestamps a bundle has to have: one from each authority that is to be asked.

    Raises:
        UsageError: `trust-config-invalid`.
    """
    from sigstore.errors import Error  # takes long

    try:
        number = len(config.signing_config.get_tsas())
    except (Error, ValueError) as error:
        raise _unusable(error) from error
    if not number and config._inner.signing_config.tsa_urls:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        raise TRUST_CONFIG_INVALID("no timestamp authority of the signing config can be used now")
    return number


def _unusable(error: Exception) -> Exception:
    return TRUST_CONFIG_INVALID(
        "the trust configuration cannot be used",
        found=f"{type(error).__name__}: {error}".partition("\n")[0][:200],
    )
