"""Who a Sigstore certificate says it was issued to: subject, issuer, and what Fulcio adds for CI.

Reading only: nothing here says that the certificate is anybody's. `keyless` verifies it first, and
`identity` asks whether a policy means whoever it names.
"""

from dataclasses import asdict, dataclass

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.formats.strictjson import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CERTIFICATE_INVALID", "CertificateIdentity", "read_certificate"]

CERTIFICATE_INVALID = Code(
    "certificate-invalid",
    VerificationError,
    meaning="a keyless signature's certificate is not one that the trusted root vouches for",
    cause="another Sigstore instance, a certificate not valid when it signed, or a forged one",
    remedy="sign again, or give the trusted root of the Sigstore instance that was signed with",
)

_FULCIO = "1.3.6.1.4.1.57264.1"
_OLD_ISSUER = f"{_FULCIO}.1"
_USERNAME = f"{_FULCIO}.7"
_MEMBERS = {
    "issuer": f"{_FULCIO}.8",
    "build_signer_uri": f"{_FULCIO}.9",
    "build_signer_digest": f"{_FULCIO}.10",
    "runner_environment": f"{_FULCIO}.11",
    "source_repository": f"{_FULCIO}.12",
    "source_digest": f"{_FULCIO}.13",
    "source_ref": f"{_FULCIO}.14",
    "source_repository_id": f"{_FULCIO}.15",
    "source_owner": f"{_FULCIO}.16",
    "source_owner_id": f"{_FULCIO}.17",
    "build_config_uri": f"{_FULCIO}.18",
    "build_trigger": f"{_FULCIO}.20",
    "run_invocation": f"{_FULCIO}.21",
}
_UTF8_STRING = 0x0C
_LONGEST = 2048
"""Characters of a member; a longer one is refused, so that reports stay readable."""
_LIMIT = 32 * 1024
"""Bytes of a certificate: parsing millions of names takes seconds, and anybody can attach them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIdentity:
    """What a certificate says of its owner (Fulcio `oid-info.md`); None where it says nothing.

    Attributes:
        issuer: the OIDC issuer whose token Fulcio saw.
        subject: the one subject alternative name: a workflow's URI, an e-mail address, a name.
        build_signer_uri: the workflow that ran, with its ref; of a reusable one, the called.
        build_signer_digest: the commit of that workflow.
        runner_environment: `github-hosted` or `self-hosted`.
        source_repository: the repository that the workflow ran for.
        source_digest: the commit that it ran for.
        source_ref: the ref that it ran for.
        source_repository_id: the repository's number, which outlives a rename.
        source_owner: the repository's owner.
        source_owner_id: the owner's number.
        build_config_uri: the workflow that was started, with its ref; of a reusable one its caller.
        build_trigger: the event that started the workflow.
        run_invocation: the run itself.
    """

    issuer: str
    subject: str
    build_signer_uri: str | None = None
    build_signer_digest: str | None = None
    runner_environment: str | None = None
    source_repository: str | None = None
    source_digest: str | None = None
    source_ref: str | None = None
    source_repository_id: str | None = None
    source_owner: str | None = None
    source_owner_id: str | None = None
    build_config_uri: str | None = None
    build_trigger: str | None = None
    run_invocation: str | None = None

    @classmethod
    def from_der(cls, data: bytes) -> "CertificateIdentity":
        """Read a DER certificate, which may be anybody's.

        Raises:
            VerificationError: `certificate-invalid`: not a certificate, not exactly one subject
                alternative name, no issuer, two different ones, or a member that is not text.
        """
        from cryptography import x509  # not for hosts

        certificate = read_certificate(data)
        raw = {
            each.oid.dotted_string: each.value.value
            for each in certificate.extensions
            if isinstance(each.value, x509.UnrecognizedExtension)
        }
        members = {name: _text(raw[oid], name) for name, oid in _MEMBERS.items() if oid in raw}
        issuer = _issuer(members.pop("issuer", None), raw.get(_OLD_ISSUER))
        return cls(issuer=issuer, subject=_subject(certificate), **members)

    @property
    def digest(self) -> str:
        """What tells keyless signatories apart: who they are, not which run or which commit."""
        names = ("issuer", "subject", "source_repository_id", "source_owner_id")
        return sha256(canonical({name: getattr(self, name) for name in names}))

    def to_json(self) -> dict[str, str]:
        """The members that the certificate has."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def read_certificate(data: bytes) -> "Certificate":
    """A DER certificate whose names, extensions and dates can be read too.

    `cryptography` reads them when they are first asked for, and warns of what it will refuse some
    day; where a host makes errors of warnings, that is a refusal like any other.

    Raises:
        VerificationError: `certificate-invalid`.
    """
    from cryptography import x509  # not for hosts

    from miniseal.verifier.signatures.reasons import translated  # which needs this module

    if len(data) > _LIMIT:
        raise CERTIFICATE_INVALID(
            "the certificate is too large",
            found=f"{len(data)} bytes",
            expected=f"at most {_LIMIT}",
        )
    with translated(_unreadable):
        certificate = x509.load_der_x509_certificate(data)
        _ = certificate.extensions, certificate.issuer, certificate.subject
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return certificate


def _unreadable(error: BaseException) -> MinisealError:
    """The error in place of any that cryptography has: its parsers raise what comes along."""
    return CERTIFICATE_INVALID("the certificate cannot be read", found=type(error).__name__)


def _issuer(new: str | None, old: bytes | None) -> str:
    """The issuer, which older certificates write without DER around it."""
    try:
        plain = old.decode("ascii") if old is not None else None
    except ValueError as error:
        raise CERTIFICATE_INVALID("the certificate's issuer is not text") from error
    if new is not None and plain is not None and new != plain:
        raise CERTIFICATE_INVALID("the certificate names two issuers", found=f"{new} and {plain}")
    if not (new or plain):
        raise CERTIFICATE_INVALID("the certificate names no issuer")
    return _bounded(new or plain or "", "issuer")


def _subject(certificate: "Certificate") -> str:
    from cryptography import x509  # not for hosts

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        raise CERTIFICATE_INVALID("the certificate has no subject alternative name") from error
    names = list(extension.value)
    if len(names) != 1:
        raise CERTIFICATE_INVALID(
            "the certificate does not have one subject alternative name", found=str(len(names))
        )
    name = names[0]
    if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier):
        return _bounded(name.value, "subject")
    if isinstance(name, x509.OtherName) and name.type_id.dotted_string == _USERNAME:
        return _text(name.value, "subject")
    raise CERTIFICATE_INVALID(
        "the certificate's subject alternative name is of another kind",
        found=type(name).__name__,
        expected="a URI, an e-mail address or a Sigstore user name",
    )


def _text(der: bytes, name: str) -> str:
    """The text of a DER UTF8String, in the one way of writing it."""
    try:
        return _bounded(_utf8_string(der), name)
    except ValueError as error:
        raise CERTIFICATE_INVALID(f"the certificate's {name} is not a DER string") from error


def _utf8_string(der: bytes) -> str:
    if len(der) < 2 or der[0] != _UTF8_STRING:
        raise ValueError("not a UTF8String")
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start], "big")
        if start > 4 or size < 0x80 or der[2] == 0:
            raise ValueError("not the shortest length")
    if len(der) != start + size:
        raise ValueError("another length")
    return der[start:].decode("utf-8")


def _bounded(text: str, name: str) -> str:
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise CERTIFICATE_INVALID(
            f"the certificate's {name} is not one line of text",
            found=repr(text)[:100],
            expected=f"1 to {_LONGEST} printable characters",
        )
    return text
