"""in-toto Statements: who says what about which digest, both directions.

v1 is read and written; v0.1, which cosign still writes, is read. Members outside the specification
are ignored when reading and never written. A predicate is opaque here: see `predicates/`. Whoever
signs or verifies keeps the original bytes; a statement that was read is not written again.
"""

from dataclasses import dataclass

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads

__all__ = [
    "STATEMENT_LIMIT",
    "STATEMENT_MALFORMED",
    "STATEMENT_TYPE",
    "SUBJECTS_LIMIT",
    "Statement",
    "Subject",
]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
STATEMENT_LIMIT = 16 * 1024 * 1024
"""Bytes."""
SUBJECTS_LIMIT = 1024
"""The most subjects that cosign accepts."""

STATEMENT_MALFORMED = Code(
    "statement-malformed",
    FormatError,
    meaning="a document is not an in-toto Statement v1 or v0.1",
    cause="another _type, no subject, more than 1024 of them, or a digest that is not a string",
    remedy="sign statements as the in-toto attestation framework v1 describes them",
)

_TYPES = (STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1")
_SHA256 = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a statement is about: a digest set, and a name that identifies nothing.

    Attributes:
        name: or None.
        digest: algorithm to hex digits, at least one.
    """

    digest: dict[str, str]
    name: str | None = None

    @classmethod
    def of(cls, digest: str, name: str | None = None) -> "Subject":
        """The subject with this digest, given as `sha256:` + 64 hex.

        Raises:
            FormatError: `digest-malformed`.
        """
        return cls(digest={"sha256": check_digest(digest).removeprefix(_SHA256)}, name=name)

    @classmethod
    def from_members(cls, members: Members) -> "Subject":
        """Read a subject.

        Raises:
            FormatError: `statement-malformed`.
        """
        digest = members.string_map("digest")
        if not digest:
            raise members.code(f"{members.what} has no digest")
        # Writers based on protobuf may write an empty name for none.
        name = members.optional_string("name") if members.values.get("name") != "" else None
        return cls(digest=digest, name=name)

    def to_json(self) -> dict[str, object]:
        """The subject as a JSON object."""
        name = {} if self.name is None else {"name": self.name}
        return {**name, "digest": dict(self.digest)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A predicate about subjects (in-toto attestation `spec/v1/statement.md`).

    Attributes:
        subjects: 1 to 1024.
        predicate_type: a URI; the kind of the predicate.
        predicate: as parsed; empty where the document has none.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: dict[str, object]

    @classmethod
    def from_bytes(cls, data: bytes) -> "Statement":
        """Read a statement of at most `STATEMENT_LIMIT` bytes.

        Raises:
            FormatError: `statement-malformed`, `json-malformed`, `too-large`.
        """
        value = loads(data, limit=STATEMENT_LIMIT, what="statement", floats=True)
        members = Members(value, "statement", STATEMENT_MALFORMED)
        kind = members.string("_type")
        if kind not in _TYPES:
            raise STATEMENT_MALFORMED(
                "statement is of an unknown type", found=kind[:100], expected=STATEMENT_TYPE
            )
        count = len(members.items("subject"))
        if not 1 <= count <= SUBJECTS_LIMIT:
            raise STATEMENT_MALFORMED(
                "statement has a wrong number of subjects",
                found=str(count),
                expected=f"1 to {SUBJECTS_LIMIT}",
            )
        return cls(
            subjects=tuple(map(Subject.from_members, members.children("subject"))),
            predicate_type=members.string("predicateType"),
            predicate=members.child("predicate").values if "predicate" in members else {},
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON of a Statement v1: call it once, then sign and store those very bytes.

        Raises:
            FormatError: `json-malformed`, for a predicate that JSON cannot hold.
        """
        return canonical(
            {
                "_type": STATEMENT_TYPE,
                "subject": [subject.to_json() for subject in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )

    def names(self, digest: str) -> bool:
        """Whether some subject carries `digest`, given as `sha256:` + 64 hex.

        Raises:
            FormatError: `digest-malformed`.
        """
        digits = check_digest(digest).removeprefix(_SHA256)
        return any(subject.digest.get("sha256") == digits for subject in self.subjects)
