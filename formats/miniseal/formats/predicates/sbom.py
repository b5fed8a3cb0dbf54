"""CycloneDX 1.4 to 1.7 JSON as a predicate: what it describes, and its parts.

The document is the predicate. It is made elsewhere and not written here; dependencies, services and
vulnerabilities are not looked at, and no JSON Schema is applied.
"""

from dataclasses import dataclass

from miniseal.formats.digest import check_digest
from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_child,
    optional_children,
    optional_text,
)

__all__ = ["PREDICATE_TYPE", "SPEC_VERSIONS", "Component", "Sbom"]

PREDICATE_TYPE = "https://cyclonedx.org/bom"
SPEC_VERSIONS = ("1.4", "1.5", "1.6", "1.7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part.

    Attributes:
        name: as its ecosystem calls it.
        version: or None.
        purl: or None.
        hashes: algorithm, as CycloneDX spells it (`SHA-256`), to lower-case hex digits.
        type: for example `library` or `file`.
        scope: `required`, `optional` or `excluded`: not part of what is shipped.
        licenses: SPDX expressions, identifiers or free texts; every one of them holds.
    """

    name: str
    version: str | None
    purl: str | None
    hashes: dict[str, str]
    type: str = "library"
    scope: str = "required"
    licenses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sbom:
    """A bill of materials (cyclonedx.org/docs/1.7/json).

    Attributes:
        spec_version: one of `SPEC_VERSIONS`.
        serial_number: or None.
        hashes: of the component it describes; empty where it names none.
        components: all parts, nested ones after those that hold them.
    """

    spec_version: str
    serial_number: str | None
    hashes: dict[str, str]
    components: tuple[Component, ...]

    @classmethod
    def from_json(cls, value: object) -> "Sbom":
        """Read a predicate.

        Raises:
            FormatError: `predicate-malformed`.
        """
        members = Members(value, "sbom", PREDICATE_MALFORMED)
        found = (members.string("bomFormat"), members.string("specVersion"))
        if found[0] != "CycloneDX" or found[1] not in SPEC_VERSIONS:
            raise PREDICATE_MALFORMED(
                "sbom is of an unknown format",
                found=" ".join(found)[:60],
                expected=f"CycloneDX {SPEC_VERSIONS[0]} to {SPEC_VERSIONS[-1]}",
            )
        described = optional_child(optional_child(members, "metadata"), "component")
        return cls(
            spec_version=found[1],
            serial_number=optional_text(members, "serialNumber"),
            hashes=_hashes(described),
            components=_components(members),
        )

    def describes(self, digest: str) -> bool:
        """Whether the component described has `digest`, given as `sha256:` + 64 hex.

        Raises:
            FormatError: `digest-malformed`.
        """
        return self.hashes.get("SHA-256") == check_digest(digest).removeprefix("sha256:")


def _components(members: Members) -> tuple[Component, ...]:
    """All below `members`, level by level."""
    found: list[Component] = []
    level = optional_children(members, "components")
    while level:
        found += [
            Component(
                name=part.string("name"),
                version=optional_text(part, "version"),
                purl=optional_text(part, "purl"),
                hashes=_hashes(part),
                type=optional_text(part, "type") or "library",
                scope=optional_text(part, "scope") or "required",
                licenses=tuple(map(_license, optional_children(part, "licenses"))),
            )
            for part in level
        ]
        level = [below for part in level for below in optional_children(part, "components")]
    return tuple(found)


def _license(choice: Members) -> str:
    """An entry of `licenses`: an expression, or one licence by its identifier or its name."""
    if "expression" in choice:
        return choice.string("expression")
    found = choice.child("license")
    return optional_text(found, "id") or found.string("name")


def _hashes(component: Members) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for entry in optional_children(component, "hashes"):
        algorithm, digits = entry.string("alg"), entry.string("content").lower()
        if hashes.setdefault(algorithm, digits) != digits:
            raise PREDICATE_MALFORMED(f"{entry.what} contradicts another {algorithm}")
    return hashes
