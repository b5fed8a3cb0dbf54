"""in-toto SCAI v0.3: attributes of an artifact, here what it can reach.

What an attribute means is between its writer and its reader; no wasm is looked at.
"""

from dataclasses import dataclass

from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import PREDICATE_MALFORMED
from miniseal.formats.predicates.resource import Resource

__all__ = ["PREDICATE_TYPE", "Attribute", "Scai"]

PREDICATE_TYPE = "https://in-toto.io/attestation/scai/v0.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An assertion about the subject, or about `target`.

    Attributes:
        attribute: its name.
        target: what it is about, where that is not the subject.
        conditions: under which it holds, or None.
        evidence: or None.
    """

    attribute: str
    target: Resource | None = None
    conditions: dict[str, object] | None = None
    evidence: Resource | None = None

    @classmethod
    def from_members(cls, members: Members) -> "Attribute":
        """Read an assertion.

        Raises:
            FormatError: `predicate-malformed`.
        """
        return cls(
            attribute=members.string("attribute"),
            target=_resource(members, "target"),
            conditions=members.child("conditions").values if "conditions" in members else None,
            evidence=_resource(members, "evidence"),
        )

    def to_json(self) -> dict[str, object]:
        """The assertion as a JSON object, absent members left out."""
        value: dict[str, object] = {"attribute": self.attribute}
        if self.target is not None:
            value["target"] = self.target.to_json()
        if self.conditions is not None:
            value["conditions"] = dict(self.conditions)
        if self.evidence is not None:
            value["evidence"] = self.evidence.to_json()
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Scai:
    """An attribute report (in-toto attestation `spec/predicates/scai.md`).

    Attributes:
        attributes: one or more.
        producer: of the subject, or None.
    """

    attributes: tuple[Attribute, ...]
    producer: Resource | None = None

    def __post_init__(self) -> None:
        """Refuse a report without attributes, read or to be written."""
        if not self.attributes:
            raise PREDICATE_MALFORMED("scai has no attribute", expected="one or more")

    @classmethod
    def from_json(cls, value: object) -> "Scai":
        """Read a predicate.

        Raises:
            FormatError: `predicate-malformed`.
        """
        members = Members(value, "scai", PREDICATE_MALFORMED)
        return cls(
            attributes=tuple(map(Attribute.from_members, members.children("attributes"))),
            producer=_resource(members, "producer"),
        )

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object, absent members left out.

        Raises:
            FormatError: `predicate-malformed`, for a resource that identifies nothing.
        """
        producer = {} if self.producer is None else {"producer": self.producer.to_json()}
        return {"attributes": [item.to_json() for item in self.attributes], **producer}


def _resource(members: Members, name: str) -> Resource | None:
    return Resource.from_members(members.child(name)) if name in members else None
