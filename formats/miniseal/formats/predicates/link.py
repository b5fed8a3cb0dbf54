"""in-toto link v0.3: that a step was performed, and what went into it.

What came out of the step are the subjects of the statement around it. Whether a step was allowed to
do what it says is a layout's to decide.
"""

from dataclasses import dataclass, field

from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_child,
    optional_children,
    optional_strings,
)
from miniseal.formats.predicates.resource import Resource

__all__ = ["PREDICATE_TYPE", "Link"]

PREDICATE_TYPE = "https://in-toto.io/attestation/link/v0.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A step (in-toto attestation `spec/predicates/link.md`).

    Attributes:
        name: of the step, as layouts call it.
        materials: what went in; names are the artifacts' paths.
        command: that was run, and its arguments; empty where there is none to tell.
        byproducts: anything.
        environment: anything.
    """

    name: str
    materials: tuple[Resource, ...] = ()
    command: tuple[str, ...] = ()
    byproducts: dict[str, object] = field(default_factory=dict[str, object])
    environment: dict[str, object] = field(default_factory=dict[str, object])

    @classmethod
    def from_json(cls, value: object) -> "Link":
        """Read a predicate.

        Raises:
            FormatError: `predicate-malformed`.
        """
        members = Members(value, "link", PREDICATE_MALFORMED)
        return cls(
            name=members.string("name"),
            materials=tuple(map(Resource.from_members, optional_children(members, "materials"))),
            command=optional_strings(members, "command"),
            byproducts=optional_child(members, "byproducts").values,
            environment=optional_child(members, "environment").values,
        )

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object; `name` and `materials` always there.

        Raises:
            FormatError: `predicate-malformed`, for a material that identifies nothing.
        """
        others = {
            "command": list(self.command),
            "byproducts": dict(self.byproducts),
            "environment": dict(self.environment),
        }
        return {
            "name": self.name,
            "materials": [resource.to_json() for resource in self.materials],
            **{name: value for name, value in others.items() if value},
        }
