"""Every clock that vouches for a keyless bundle, each asked by itself.

sigstore-python is content with one verified time, and passes over timestamps that it cannot verify.
Here a bundle is cut into one for each of its clocks (the log's promise, each timestamp), and every
one has to pass with the trusted root of its own time: so all the times that come out are verified.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_MALFORMED
from miniseal.formats.dsse import base64_member
from miniseal.formats.extras import need
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.verifier.signatures.anchors import TIMESTAMP_INVALID, Anchors
from miniseal.verifier.signatures.certificate import CERTIFICATE_INVALID, read_certificate
from miniseal.verifier.signatures.entry import LOG_ENTRY_INVALID, LogEntry, with_defaults
from miniseal.verifier.signatures.reasons import refusal, translated, unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

__all__ = ["Check", "Leaf", "Material", "verified_times"]

_MOST_TIMESTAMPS = 8
_TIMESTAMP_LIMIT = 64 * 1024
"""Bytes; one with its certificates has less than ten thousand."""

Check = Callable[["Verifier", "Bundle"], None]
"""Verifies one cut of a bundle, or raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A bundle's JSON, and what of it has to do with time.

    Attributes:
        value: the bundle as parsed.
        entry: its one log entry.
        timestamps: its RFC 3161 timestamps, as parsed.
    """

    value: dict[str, object]
    entry: LogEntry
    timestamps: tuple[object, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> "Material":
        """Read a bundle of any version.

        Raises:
            VerificationError: `log-entry-invalid`, `timestamp-invalid`.
            FormatError: `bundle-malformed`, `json-malformed`, `too-large`.
        """
        members, material = _members(data)
        _check_names(members.values)
        entries = material.children("tlogEntries") if "tlogEntries" in material else []
        if len(entries) != 1:
            raise LOG_ENTRY_INVALID(
                "bundle does not have one log entry", found=str(len(entries)), expected="1"
            )
        return cls(
            value=members.values,
            entry=LogEntry.from_members(entries[0]),
            timestamps=tuple(_timestamps(material)),
        )

    @staticmethod
    def logged(data: bytes) -> bool:
        """Whether a bundle has any log entry; one signed with a key needs none.

        Raises:
            FormatError: `bundle-malformed`, `json-malformed`, `too-large`.
        """
        material = _members(data)[1]
        return "tlogEntries" in material and bool(material.items("tlogEntries"))

    def cuts(self) -> Iterator[tuple[str, int | None]]:
        """A bundle for each clock, and the time that it states if that is not in a timestamp.

        Raises:
            VerificationError: `timestamp-invalid`, where there is no clock at all.
        """
        if self.entry.promised is None and not self.timestamps:
            raise TIMESTAMP_INVALID("bundle has neither a timestamp nor a promise of its log")
        if self.entry.promised is not None:
            yield self._cut(timestamps=()), self.entry.promised
        for timestamp in self.timestamps:
            yield self._cut(timestamps=(timestamp,)), None

    def _cut(self, *, timestamps: tuple[object, ...]) -> str:
        material = dict(cast("dict[str, object]", self.value["verificationMaterial"]))
        entry = with_defaults(cast("list[dict[str, object]]", material["tlogEntries"])[0])
        material.pop("timestampVerificationData", None)
        if timestamps:
            material["timestampVerificationData"] = {"rfc3161Timestamps": list(timestamps)}
            entry.pop("integratedTime", None)  # then the promise is no clock
        return json.dumps(
            {**self.value, "verificationMaterial": {**material, "tlogEntries": [entry]}}
        )


class Leaf:
    """Stands in for sigstore-python's policy: the certificate is the one that we read, and no CA.

    Who may sign is asked elsewhere, by `identity`.
    """

    def __init__(self, der: bytes) -> None:
        """Take the certificate as the bundle has it."""
        self._der = der

    def verify(self, cert: "Certificate") -> None:
        """Compare with what sigstore-python read.

        Raises:
            VerificationError: `certificate-invalid`.
        """
        from cryptography import x509  # not for hosts
        from cryptography.hazmat.primitives.serialization import Encoding

        if cert.public_bytes(Encoding.DER) != self._der:
            raise CERTIFICATE_INVALID("the certificate is read in two ways")
        for extension in cert.extensions:
            value = extension.value
            if (isinstance(value, x509.BasicConstraints) and value.ca) or (
                isinstance(value, x509.KeyUsage) and value.key_cert_sign
            ):
                raise CERTIFICATE_INVALID("the certificate is an authority's, not a signer's")


def verified_times(
    anchors: Anchors, material: Material, certificate: bytes, check: Check
) -> tuple[int, ...]:
    """The times of every clock, after `check` accepted the bundle at each of them.

    Args:
        anchors: the trusted root.
        material: of the bundle.
        certificate: the leaf's DER.
        check: calls sigstore-python.

    Raises:
        VerificationError: `signature-invalid`, `certificate-invalid`, `log-entry-invalid`,
            `timestamp-invalid`.
        FormatError: `bundle-malformed`.
        UsageError: `trusted-root-invalid`.
        EnvironmentalError: `extra-missing`.
    """
    need("keyless")
    leaf = read_certificate(certificate)
    logged = _logged(leaf)
    times: set[int] = set()
    for cut, stated in material.cuts():
        bundle = _bundle(cut)
        time = _stamped(bundle) if stated is None else datetime.fromtimestamp(stated, UTC)
        _check_validity(leaf, time)
        root = anchors.at(time, log=material.entry.log, stamped=stated is None, certificate=logged)
        verifier = _verifier(root)
        with translated(refusal):
            check(verifier, bundle)
        times.add(int(time.timestamp()))
    return tuple(sorted(times))


def _members(data: bytes) -> tuple[Members, Members]:
    """The bundle, and its verification material."""
    value = loads(data, limit=BUNDLE_LIMIT, what="bundle", floats=True)
    members = Members(value, "bundle", BUNDLE_MALFORMED)
    return members, members.child("verificationMaterial")


def _bundle(text: str) -> "Bundle":
    from sigstore.models import Bundle  # 300 ms, and for keyless bundles alone

    with translated(refusal):
        return Bundle.from_json(text)


def _verifier(root: str) -> "Verifier":
    from sigstore.models import ClientTrustConfig
    from sigstore.verify import Verifier

    with translated(unusable):
        return Verifier(trusted_root=ClientTrustConfig.from_json(root).trusted_root)


def _stamped(bundle: "Bundle") -> datetime:
    """The time in the bundle's one timestamp, which is still to be verified."""
    with translated(refusal):
        data = bundle.verification_material.timestamp_verification_data
        times = [each.tst_info.gen_time for each in data.rfc3161_timestamps] if data else []
    if len(times) != 1:
        raise TIMESTAMP_INVALID("the timestamp is empty")
    return times[0]


def _check_validity(certificate: "Certificate", time: datetime) -> None:
    """Whether the certificate was valid then; sigstore-python asks too, and says less."""
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= time <= end:
        raise CERTIFICATE_INVALID(
            "the certificate was not valid when the signature was made",
            found=time.isoformat(),
            expected=f"{start.isoformat()} to {end.isoformat()}",
        )


def _logged(certificate: "Certificate") -> tuple[bytes, datetime]:
    """The log that the certificate says it is in, and since when."""
    from cryptography import x509  # not for hosts

    kind = x509.PrecertificateSignedCertificateTimestamps
    try:
        promises = [
            (each.log_id, each.timestamp.replace(tzinfo=UTC))
            for each in certificate.extensions.get_extension_for_class(kind).value
        ]
    except (x509.ExtensionNotFound, ValueError) as error:
        raise CERTIFICATE_INVALID("the certificate is in no log, or at no time") from error
    if len(promises) != 1:
        raise CERTIFICATE_INVALID(
            "the certificate does not name one log", found=str(len(promises)), expected="1"
        )
    return promises[0]


def _timestamps(material: Members) -> list[object]:
    if "timestampVerificationData" not in material:
        return []
    data = material.child("timestampVerificationData")
    timestamps = data.children("rfc3161Timestamps") if "rfc3161Timestamps" in data else []
    distinct = {base64_member(each, "signedTimestamp") for each in timestamps}
    if len(timestamps) > _MOST_TIMESTAMPS or len(distinct) != len(timestamps):
        raise TIMESTAMP_INVALID(
            "bundle has too many timestamps, or one twice",
            found=f"{len(timestamps)}, {len(distinct)} of them distinct",
            expected=f"at most {_MOST_TIMESTAMPS}",
        )
    largest = max(map(len, distinct), default=0)
    if largest > _TIMESTAMP_LIMIT:
        raise TIMESTAMP_INVALID(
            "a timestamp is too large",
            found=f"{largest} bytes",
            expected=f"at most {_TIMESTAMP_LIMIT}",
        )
    return [each.values for each in timestamps]


def _check_names(value: object) -> None:
    """Refuse names with `_`: sigstore-python takes them for the members that we read."""
    level = [value]
    while level:
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                members = cast("dict[str, object]", item)
                if odd := next((name for name in members if "_" in name), None):
                    raise BUNDLE_MALFORMED("bundle has a member of another form", found=odd[:60])
                below += members.values()
            elif isinstance(item, list):
                below += cast("list[object]", item)
        level = below
