"""The file of trust material: a TUF repository's metadata and one target, as they came.

Reading it checks its form and sizes alone; `signatures.tuf` verifies what is in it.
"""

import binascii
from dataclasses import dataclass

from miniseal.formats.errors import Code, FormatError, MinisealError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import from_text, to_text

__all__ = [
    "MATERIAL_LIMIT",
    "ROOT_LIMIT",
    "ROTATION_LIMIT",
    "SNAPSHOT_LIMIT",
    "TARGETS_LIMIT",
    "TARGET_LIMIT",
    "TIMESTAMP_LIMIT",
    "TRUST_INVALID",
    "Material",
]

ROTATION_LIMIT = 64
"""Root metadata in one chain, counted from the pinned one."""
ROOT_LIMIT = 128 * 1024
TIMESTAMP_LIMIT = 16 * 1024
SNAPSHOT_LIMIT = 1024 * 1024
TARGETS_LIMIT = 2 * 1024 * 1024
TARGET_LIMIT = 1024 * 1024
MATERIAL_LIMIT = 24 * 1024 * 1024
"""Bytes; more than everything above in base64."""

TRUST_INVALID = Code(
    "trust-invalid",
    VerificationError,
    meaning="the trust material does not follow from the root that the policy pins",
    cause="it was changed, put together from several states, or comes from another repository",
    remedy="check the policy's [trust.tuf], then run `miniseal refresh`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a refresh has found.

    Attributes:
        refreshed: when, seconds since 1970; said by nobody but the host that refreshed.
        roots: root metadata, oldest first, each signed by the one before.
        timestamp: metadata.
        snapshot: metadata.
        targets: metadata of the top-level role.
        path: of the target.
        target: its content.
    """

    refreshed: int
    roots: tuple[bytes, ...]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    path: str
    target: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> "Material":
        """Read the file.

        Raises:
            VerificationError: `trust-invalid`.
        """
        try:
            value = loads(data, limit=MATERIAL_LIMIT, what="trust material")
            members = Members(value, "trust material", TRUST_INVALID)
            return cls._read(members)
        except FormatError as error:
            raise TRUST_INVALID(f"the trust material is malformed: {error.message}") from error

    @classmethod
    def _read(cls, members: Members) -> "Material":
        members.only("format", "refreshed", "root", "snapshot", "target", "targets", "timestamp")
        members.integer("format", least=1, most=1)
        target = members.child("target").only("data", "path")
        roots = members.strings("root")
        if len(roots) > ROTATION_LIMIT:
            raise TRUST_INVALID(
                "the trust material has too many roots",
                found=str(len(roots)),
                expected=f"at most {ROTATION_LIMIT}",
            )
        return cls(
            refreshed=from_text(members.string("refreshed")),
            roots=tuple(_decoded(root, "root", ROOT_LIMIT) for root in roots),
            timestamp=_decoded(members.string("timestamp"), "timestamp", TIMESTAMP_LIMIT),
            snapshot=_decoded(members.string("snapshot"), "snapshot", SNAPSHOT_LIMIT),
            targets=_decoded(members.string("targets"), "targets", TARGETS_LIMIT),
            path=target.string("path"),
            target=_decoded(target.string("data"), "target", TARGET_LIMIT),
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON, the metadata in base64."""
        return canonical(
            {
                "format": 1,
                "refreshed": to_text(self.refreshed),
                "root": [_encoded(root) for root in self.roots],
                "timestamp": _encoded(self.timestamp),
                "snapshot": _encoded(self.snapshot),
                "targets": _encoded(self.targets),
                "target": {"path": self.path, "data": _encoded(self.target)},
            }
        )


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _decoded(text: str, what: str, limit: int) -> bytes:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise TRUST_INVALID(f"the trust material's {what} is not base64") from error
    if len(data) > limit:
        raise _too_large(what, data, limit)
    return data


def _too_large(what: str, data: bytes, limit: int) -> MinisealError:
    return TRUST_INVALID(
        f"the trust material's {what} is too large",
        found=f"{len(data)} bytes",
        expected=f"at most {limit}",
    )
