"""SLSA Provenance v1: how an artifact was built, from what, by whom.

What a builder claims about itself is only read here; which builder is believed is the policy's.
`builderDependencies` are neither read nor written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_child,
    optional_children,
    optional_text,
    time,
)
from miniseal.formats.predicates.resource import Resource

__all__ = ["PREDICATE_TYPE", "Provenance"]

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """A build (slsa.dev/spec/v1.1/provenance).

    Attributes:
        build_type: a URI; how the parameters are to be read.
        builder_id: a URI.
        external_parameters: everything that the caller of the build could choose.
        internal_parameters: what the builder chose.
        dependencies: what went in, by digest (`resolvedDependencies`).
        builder_version: component to version.
        invocation_id: or None.
        started_on: `YYYY-MM-DDTHH:MM:SSZ`, or None.
        finished_on: the same.
        byproducts: what came out beside the subjects.
    """

    build_type: str
    builder_id: str
    external_parameters: dict[str, object] = field(default_factory=dict[str, object])
    internal_parameters: dict[str, object] = field(default_factory=dict[str, object])
    dependencies: tuple[Resource, ...] = ()
    builder_version: dict[str, str] = field(default_factory=dict[str, str])
    invocation_id: str | None = None
    started_on: str | None = None
    finished_on: str | None = None
    byproducts: tuple[Resource, ...] = ()

    @classmethod
    def from_json(cls, value: object) -> "Provenance":
        """Read a predicate; fractions of seconds are cut.

        Raises:
            FormatError: `predicate-malformed`, `time-malformed`.
        """
        members = Members(value, "provenance", PREDICATE_MALFORMED)
        build = members.child("buildDefinition")
        run = members.child("runDetails")
        builder = run.child("builder")
        metadata = optional_child(run, "metadata")
        return cls(
            build_type=build.string("buildType"),
            external_parameters=build.child("externalParameters").values,
            internal_parameters=optional_child(build, "internalParameters").values,
            dependencies=_resources(build, "resolvedDependencies"),
            builder_id=builder.string("id"),
            builder_version=builder.string_map("version"),
            invocation_id=optional_text(metadata, "invocationId"),
            started_on=_time(metadata, "startedOn"),
            finished_on=_time(metadata, "finishedOn"),
            byproducts=_resources(run, "byproducts"),
        )

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object, absent members left out.

        Raises:
            FormatError: `predicate-malformed`, for a resource that identifies nothing.
        """
        build = {
            "internalParameters": dict(self.internal_parameters),
            "resolvedDependencies": [resource.to_json() for resource in self.dependencies],
        }
        metadata = {
            "invocationId": self.invocation_id,
            "startedOn": self.started_on,
            "finishedOn": self.finished_on,
        }
        run = {
            "metadata": _present(metadata),
            "byproducts": [resource.to_json() for resource in self.byproducts],
        }
        version = {"version": dict(self.builder_version)}
        return {
            "buildDefinition": {
                "buildType": self.build_type,
                "externalParameters": dict(self.external_parameters),
                **_present(build),
            },
            "runDetails": {
                "builder": {"id": self.builder_id, **_present(version)},
                **_present(run),
            },
        }


def _present(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value}


def _resources(members: Members, name: str) -> tuple[Resource, ...]:
    return tuple(map(Resource.from_members, optional_children(members, name)))


def _time(members: Members, name: str) -> str | None:
    return time(members, name) if name in members else None
