"""in-toto ResourceDescriptors, which several predicates share.

`content`, `downloadLocation` and `mediaType` are neither read nor written.
"""

from dataclasses import dataclass, field

from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import PREDICATE_MALFORMED, optional_child, optional_text

__all__ = ["Resource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An artifact that a predicate names (in-toto attestation `spec/v1/resource_descriptor.md`).

    Attributes:
        uri: or None.
        name: or None.
        digest: algorithm to hex digits.
        annotations: anything.
    """

    uri: str | None = None
    name: str | None = None
    digest: dict[str, str] = field(default_factory=dict[str, str])
    annotations: dict[str, object] = field(default_factory=dict[str, object])

    @classmethod
    def from_members(cls, members: Members) -> "Resource":
        """Read a descriptor, also one that identifies nothing: foreign writers make them.

        Raises:
            MinisealError: the code of `members`.
        """
        return cls(
            uri=optional_text(members, "uri"),
            name=optional_text(members, "name"),
            digest=members.string_map("digest"),
            annotations=optional_child(members, "annotations").values,
        )

    def to_json(self) -> dict[str, object]:
        """The descriptor as a JSON object, absent members left out.

        Raises:
            FormatError: `predicate-malformed`, without `uri` and `digest`: the specification wants
                one of them.
        """
        if self.uri is None and not self.digest:
            raise PREDICATE_MALFORMED(
                "resource has neither uri nor digest", found=f"name {self.name!r}"
            )
        members = {
            "uri": self.uri,
            "name": self.name,
            "digest": dict(self.digest),
            "annotations": dict(self.annotations),
        }
        return {name: value for name, value in members.items() if value}
