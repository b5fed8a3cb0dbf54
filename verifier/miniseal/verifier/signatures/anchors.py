"""A Sigstore trusted root, narrowed to what one signature names and what was valid at its time.

sigstore-python tries keys of logs that an entry does not name, looks at no validity period but a
timestamp authority's, and excludes what is not valid yet by a clock of its own. So it gets a root
that holds only the named logs and the authorities of that one time, and no periods: these are
compared here, both ends included, as `sigstore_common.proto` defines a `TimeRange`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from miniseal.formats.dsse import base64_member
from miniseal.formats.errors import Code, FormatError, UsageError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.verifier.signatures.certificate import CERTIFICATE_INVALID
from miniseal.verifier.signatures.entry import LOG_ENTRY_INVALID

__all__ = ["TIMESTAMP_INVALID", "TRUSTED_ROOT_INVALID", "TRUSTED_ROOT_LIMIT", "Anchors"]

TRUSTED_ROOT_INVALID = Code(
    "trusted-root-invalid",
    UsageError,
    meaning="a Sigstore trusted root cannot be used",
    cause="another file, a root without logs or authorities, or a version that is not known",
    remedy="name a trusted_root.json as `cosign trusted-root create` or Sigstore's TUF write it",
)
TIMESTAMP_INVALID = Code(
    "timestamp-invalid",
    VerificationError,
    meaning="no trusted clock vouches for the time of a keyless signature",
    cause="a timestamp by an unknown authority, over another signature, or out of its validity",
    remedy="sign again with the timestamp authority that the trusted root names",
)

TRUSTED_ROOT_LIMIT = 1024 * 1024
"""Bytes."""
_MOST = 64
"""Logs or authorities of one kind."""
_EPOCH = "1970-01-01T00:00:00Z"
_CONFIG = {
    "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
    "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchor:
    """A log or an authority; `id` is a log's, else empty, and `value` has no period any more."""

    id: bytes
    start: datetime
    end: datetime | None
    value: dict[str, object]

    def valid_at(self, time: datetime) -> bool:
        return self.start <= time and (self.end is None or time <= self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What a trusted root has.

    Attributes:
        media_type: of the root.
        logs: transparency logs (Rekor).
        certificate_logs: where certificates are logged.
        certificate_authorities: who issues certificates (Fulcio).
        timestamp_authorities: who signs timestamps; may be empty.
    """

    media_type: str
    logs: tuple[_Anchor, ...]
    certificate_logs: tuple[_Anchor, ...]
    certificate_authorities: tuple[_Anchor, ...]
    timestamp_authorities: tuple[_Anchor, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> "Anchors":
        """Read a trusted root (`sigstore_trustroot.proto`); keys and certificates stay encoded.

        Raises:
            UsageError: `trusted-root-invalid`; never a FormatError, which a bundle would be
                set aside for.
        """
        try:
            value = loads(data, limit=TRUSTED_ROOT_LIMIT, what="trusted root", floats=True)
        except FormatError as error:
            raise TRUSTED_ROOT_INVALID(error.message, found=error.found) from error
        members = Members(value, "trusted root", TRUSTED_ROOT_INVALID)
        return cls(
            media_type=members.string("mediaType"),
            logs=_all(members, "tlogs", _log),
            certificate_logs=_all(members, "ctlogs", _log),
            certificate_authorities=_all(members, "certificateAuthorities", _authority),
            timestamp_authorities=_all(members, "timestampAuthorities", _authority, least=0),
        )

    def at(
        self,
        time: datetime,
        *,
        log: bytes,
        stamped: bool,
        certificate: tuple[bytes, datetime] | None = None,
    ) -> str:
        """The root for one signature, inside of the trust configuration that sigstore-python reads.

        Args:
            time: when the signature claims to have been made.
            log: the id of the log that its entry names.
            stamped: whether a timestamp says so, else the log.
            certificate: the id of the log that the certificate names, and when it was logged
                there; None where a key signed.

        Raises:
            VerificationError: `log-entry-invalid`, `certificate-invalid`, `timestamp-invalid`:
                unknown, or not valid at that time.
        """
        authorities = [each for each in self.certificate_authorities if each.valid_at(time)]
        if not authorities:
            raise CERTIFICATE_INVALID(
                "the trusted root has no certificate authority that was valid at the signing",
                found=time.isoformat(),
            )
        stampers = [each for each in self.timestamp_authorities if each.valid_at(time)]
        if stamped and not stampers:
            raise TIMESTAMP_INVALID(
                "the trusted root has no timestamp authority that was valid at the timestamp",
                found=time.isoformat(),
            )
        return json.dumps(
            {
                **_CONFIG,
                "trustedRoot": {
                    "mediaType": self.media_type,
                    "tlogs": [_named(self.logs, log, time, LOG_ENTRY_INVALID)],
                    "ctlogs": [_named(self.certificate_logs, *certificate, CERTIFICATE_INVALID)]
                    if certificate
                    else [],
                    "certificateAuthorities": [each.value for each in authorities],
                    "timestampAuthorities": [each.value for each in stampers],
                },
            }
        )


def _named(logs: tuple[_Anchor, ...], log: bytes, time: datetime, code: Code) -> dict[str, object]:
    known = [each for each in logs if each.id == log]
    if not known:
        raise code("the trusted root does not have the log that is named", found=log.hex()[:64])
    valid = [each for each in known if each.valid_at(time)]
    if not valid:
        raise code("the log was not valid at the time that it states", found=time.isoformat())
    return valid[0].value


def _all(
    members: Members, name: str, read: Callable[[Members], _Anchor], *, least: int = 1
) -> tuple[_Anchor, ...]:
    children = members.children(name) if name in members else []
    if not least <= len(children) <= _MOST:
        raise TRUSTED_ROOT_INVALID(
            f"trusted root has a wrong number of {name}",
            found=str(len(children)),
            expected=f"{least} to {_MOST}",
        )
    return tuple(read(child) for child in children)


def _log(members: Members) -> _Anchor:
    key = members.child("publicKey")
    start, end = _period(key)
    bare = {name: value for name, value in key.values.items() if name != "validFor"}
    return _Anchor(
        id=base64_member(members.child("logId"), "keyId"),
        start=start,
        end=end,
        value={**members.values, "publicKey": bare},
    )


def _authority(members: Members) -> _Anchor:
    start, end = _period(members)
    # sigstore-python demands a period; this one has begun by any clock
    value = {**members.values, "validFor": {"start": _EPOCH}}
    return _Anchor(id=b"", start=start, end=end, value=value)


def _period(members: Members) -> tuple[datetime, datetime | None]:
    """Since when and until when; a beginning has to be stated, an end may be open."""
    period = members.child("validFor")
    return _time(period, "start"), _time(period, "end") if "end" in period else None


def _time(members: Members, name: str) -> datetime:
    text = members.string(name)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise TRUSTED_ROOT_INVALID(
            f"{members.what}.{name} is not a time", found=repr(text)[:60], expected="RFC 3339"
        )
    return time
