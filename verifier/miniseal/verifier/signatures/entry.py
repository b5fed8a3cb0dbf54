"""The transparency log entry of a keyless bundle: its form, and what sigstore-python leaves out.

Left out there: that the index of a Rekor v2 entry is the one that is proven, that the size of the
tree is the one that the log signed, that the kind stated is the body's, and that a promise of
inclusion has a time to check it with. Proof, checkpoint and promise themselves are sigstore's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from miniseal.formats.dsse import base64_member
from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads

__all__ = ["LOG_ENTRY_INVALID", "LogEntry", "with_defaults"]

LOG_ENTRY_INVALID = Code(
    "log-entry-invalid",
    VerificationError,
    meaning="a keyless signature is not recorded in a transparency log that the trusted root names",
    cause="an entry of another signature, a proof or promise that does not hold, an unknown log",
    remedy="attach the bundle as the signer wrote it, and give that instance's trusted root",
)

_BODY_LIMIT = 4 * 1024 * 1024
_CHECKPOINT_LIMIT = 64 * 1024
_MOST_HASHES = 64
_MOST_INDEX = 2**63 - 1
_LATEST = 253_402_300_799
"""9999-12-31T23:59:59Z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An entry of one log, unverified.

    Attributes:
        log: the log's id.
        kind: and `version`: what kind of entry its body is.
        version: see `kind`.
        body: as the log has it.
        promised: seconds since 1970 at which the log promised inclusion, or None.
    """

    log: bytes
    kind: str
    version: str
    body: bytes
    promised: int | None

    @classmethod
    def from_members(cls, members: Members) -> "LogEntry":
        """Read an entry (`sigstore_rekor.proto`).

        Raises:
            VerificationError: `log-entry-invalid`.
        """
        entry = Members(members.values, members.what, LOG_ENTRY_INVALID)
        kind = entry.child("kindVersion")
        index = _index(entry)
        result = cls(
            log=base64_member(entry.child("logId"), "keyId"),
            kind=kind.string("kind"),
            version=kind.string("version"),
            body=base64_member(entry, "canonicalizedBody"),
            promised=_promised(entry),
        )
        result._check_body()
        proven = _check_proof(entry)
        # an index of Rekor v1 counts over all shards of the log, that of its proof over one
        if result.of_second_generation and proven != index:
            raise LOG_ENTRY_INVALID(
                "the entry's index is not the one that is proven",
                found=str(index),
                expected=str(proven),
            )
        return result

    @property
    def of_second_generation(self) -> bool:
        """Whether it is of a Rekor v2 log, which promises nothing and knows no time."""
        return self.version == "0.0.2" and self.kind != "intoto"

    def _check_body(self) -> None:
        try:
            value = loads(self.body, limit=_BODY_LIMIT, what="log entry", floats=True)
        except MinisealError as error:
            raise LOG_ENTRY_INVALID(f"the log entry is unreadable: {error.message}") from error
        body = Members(value, "log entry", LOG_ENTRY_INVALID)
        found = f"{body.string('kind')} {body.string('apiVersion')}"
        if found != f"{self.kind} {self.version}":
            raise LOG_ENTRY_INVALID(
                "the log entry is of another kind than the bundle says",
                found=found[:100],
                expected=f"{self.kind} {self.version}"[:100],
            )


def _check_proof(entry: Members) -> int:
    """The proven index, in a tree as large as the log's checkpoint says."""
    proof = entry.child("inclusionProof")
    index, size = _index(proof), _number(proof, "treeSize")
    hashes = proof.items("hashes") if "hashes" in proof.values else []
    if index >= size or len(hashes) > _MOST_HASHES:
        raise LOG_ENTRY_INVALID("the proof is of no tree", found=f"entry {index} of {size}")
    checkpoint = proof.child("checkpoint").string("envelope")
    if len(checkpoint) > _CHECKPOINT_LIMIT:
        raise LOG_ENTRY_INVALID("the checkpoint is too large", found=f"{len(checkpoint)} bytes")
    lines = checkpoint.partition("\n\n")[0].split("\n")
    if len(lines) < 3 or lines[1] != str(size):
        raise LOG_ENTRY_INVALID(
            "the checkpoint is not of the tree that the proof is of",
            found=repr(lines[1])[:40] if len(lines) > 1 else None,
            expected=f"origin, {size}, root hash",
        )
    return index


def with_defaults(entry: Mapping[str, object]) -> dict[str, object]:
    """An entry with the members that protobuf leaves out of the very first one of a log."""
    whole: dict[str, object] = {"logIndex": "0", **entry}
    proof = whole.get("inclusionProof")
    if isinstance(proof, dict):
        given = cast("dict[str, object]", proof)
        whole["inclusionProof"] = {"logIndex": "0", "hashes": [], **given}
    return whole


def _index(members: Members) -> int:
    return _number(members, "logIndex") if "logIndex" in members.values else 0


def _number(members: Members, name: str) -> int:
    text = members.string(name)
    if len(text) > 19 or not text.isdecimal() or str(int(text)) != text or int(text) > _MOST_INDEX:
        raise LOG_ENTRY_INVALID(
            f"{members.what}.{name} is not a number that a log has", found=repr(text)[:40]
        )
    return int(text)


def _promised(entry: Members) -> int | None:
    if "inclusionPromise" not in entry:
        return None
    time = _number(entry, "integratedTime")
    if not 0 < time <= _LATEST:
        raise LOG_ENTRY_INVALID("the log's promise has no time", found=str(time))
    return time
