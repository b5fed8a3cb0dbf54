"""OpenVEX 0.2.0 as a predicate: what somebody knows about vulnerabilities that a scanner reports.

The document is the predicate. One that was read is written as it was, with every member that is not
read here; its meaning for a finding, and whose documents count, is decided elsewhere. Suppliers,
notes, tooling and descriptions are not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_children,
    optional_strings,
    optional_text,
)
from miniseal.formats.strictjson import loads
from miniseal.formats.times import from_text, to_text

__all__ = [
    "CONTEXT",
    "DOCUMENT_LIMIT",
    "JUSTIFICATIONS",
    "PREDICATE_TYPE",
    "PRODUCTS_LIMIT",
    "STATEMENTS_LIMIT",
    "STATUSES",
    "Component",
    "Document",
    "Product",
    "Statement",
    "Vulnerability",
]

PREDICATE_TYPE = "https://openvex.dev/ns"
"""As cosign writes it for `--type openvex`: without a version."""
CONTEXT = "https://openvex.dev/ns/v0.2.0"
DOCUMENT_LIMIT = 4 * 1024 * 1024
"""Bytes of a document by itself."""
STATEMENTS_LIMIT = 10_000
PRODUCTS_LIMIT = 50_000
"""Products and subcomponents of one document, all statements together."""
STATUSES = ("not_affected", "affected", "fixed", "under_investigation")
JUSTIFICATIONS = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)

_CONTEXTS = (PREDICATE_TYPE, CONTEXT)
_OFFSET = len("+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A piece of software, by any of its names.

    Attributes:
        id: an IRI, often a package URL, or None.
        identifiers: kind (`purl`, `cpe23`, `cpe22`) to identifier.
        hashes: algorithm (`sha-256`) to lower-case hex digits.
    """

    id: str | None = None
    identifiers: dict[str, str] = field(default_factory=dict[str, str])
    hashes: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def names(self) -> tuple[str, ...]:
        """The id and every identifier."""
        return (*((self.id,) if self.id is not None else ()), *self.identifiers.values())

    def to_json(self) -> dict[str, object]:
        """The component as a JSON object, absent members left out."""
        members = {"@id": self.id, "identifiers": self.identifiers, "hashes": self.hashes}
        return {name: value for name, value in members.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Component):
    """What a statement is about.

    Attributes:
        subcomponents: the parts of it that the vulnerability would come from; empty for all of it.
    """

    subcomponents: tuple[Component, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The product as a JSON object, absent members left out."""
        parts = [part.to_json() for part in self.subcomponents]
        # zero-argument super() does not survive the second class that `slots` makes
        return {**Component.to_json(self), **({"subcomponents": parts} if parts else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """A vulnerability by its names.

    Attributes:
        name: for example `CVE-2026-1234`.
        id: an IRI, or None.
        aliases: other names.
    """

    name: str
    id: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Everything that it is called."""
        return frozenset((self.name, *self.aliases, *((self.id,) if self.id is not None else ())))

    def to_json(self) -> dict[str, object]:
        """The vulnerability as a JSON object, absent members left out."""
        members = {"@id": self.id, "name": self.name, "aliases": list(self.aliases)}
        return {name: value for name, value in members.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the document's author says about one vulnerability in some products.

    Attributes:
        vulnerability: which.
        status: one of `STATUSES`.
        products: where; empty for whatever carries the document, such as a statement's subject.
        justification: one of `JUSTIFICATIONS`, or None.
        impact_statement: why it does no harm, in words, or None.
        action_statement: what to do about it, or None.
        timestamp: since when, `YYYY-MM-DDTHH:MM:SSZ`; None for the document's.
    """

    vulnerability: Vulnerability
    status: str
    products: tuple[Product, ...] = ()
    justification: str | None = None
    impact_statement: str | None = None
    action_statement: str | None = None
    timestamp: str | None = None

    def __post_init__(self) -> None:
        """Refuse, read or to be written, what the specification has no such word for."""
        if self.status not in STATUSES:
            raise _unknown("status", self.status, STATUSES)
        if self.justification is not None and self.justification not in JUSTIFICATIONS:
            raise _unknown("justification", self.justification, JUSTIFICATIONS)
        if self.status == "not_affected" and not (self.justification or self.impact_statement):
            raise PREDICATE_MALFORMED(
                "openvex says not_affected without a reason",
                found=self.vulnerability.name[:100],
                expected="a justification or an impact_statement",
            )

    @classmethod
    def from_members(cls, members: Members) -> "Statement":
        """Read a statement.

        Raises:
            FormatError: `predicate-malformed`, `time-malformed`.
        """
        vulnerability = members.child("vulnerability")
        return cls(
            vulnerability=Vulnerability(
                name=vulnerability.string("name"),
                id=optional_text(vulnerability, "@id"),
                aliases=optional_strings(vulnerability, "aliases"),
            ),
            status=members.string("status"),
            products=tuple(map(_product, optional_children(members, "products"))),
            justification=optional_text(members, "justification"),
            impact_statement=optional_text(members, "impact_statement"),
            action_statement=optional_text(members, "action_statement"),
            timestamp=_time(members, "timestamp") if "timestamp" in members else None,
        )

    def to_json(self) -> dict[str, object]:
        """The statement as a JSON object, absent members left out."""
        texts = {
            "justification": self.justification,
            "impact_statement": self.impact_statement,
            "action_statement": self.action_statement,
            "timestamp": self.timestamp,
        }
        return {
            "vulnerability": self.vulnerability.to_json(),
            **({"products": [each.to_json() for each in self.products]} if self.products else {}),
            "status": self.status,
            **{name: text for name, text in texts.items() if text is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A VEX document (github.com/openvex/spec, OPENVEX-SPEC.md).

    Attributes:
        id: an IRI.
        author: who says it; a claim, like everything in a document.
        timestamp: when it was issued, `YYYY-MM-DDTHH:MM:SSZ`.
        version: rises with every change of the document `id`.
        statements: at most `STATEMENTS_LIMIT`.
        read: the document as it was read, or None for one that is made here.
    """

    id: str
    author: str
    timestamp: str
    version: int
    statements: tuple[Statement, ...]
    read: Mapping[str, object] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Document":
        """Read a document of at most `DOCUMENT_LIMIT` bytes.

        Raises:
            FormatError: `predicate-malformed`, `time-malformed`, `json-malformed`, `too-large`.
        """
        return cls.from_json(loads(data, limit=DOCUMENT_LIMIT, what="openvex", floats=True))

    @classmethod
    def from_json(cls, value: object) -> "Document":
        """Read a predicate; times are taken to UTC, fractions of seconds cut.

        Raises:
            FormatError: `predicate-malformed`, `time-malformed`.
        """
        members = Members(value, "openvex", PREDICATE_MALFORMED)
        context = members.string("@context")
        if context not in _CONTEXTS:
            raise _unknown("@context", context, _CONTEXTS)
        _check_size(members)
        return cls(
            id=members.string("@id"),
            author=members.string("author"),
            timestamp=_time(members, "timestamp"),
            version=members.integer("version"),
            statements=tuple(map(Statement.from_members, members.children("statements"))),
            read=members.values,
        )

    def to_json(self) -> dict[str, object]:
        """The document as a JSON object: as it was read, or made from the parts."""
        if self.read is not None:
            return dict(self.read)
        return {
            "@context": CONTEXT,
            "@id": self.id,
            "author": self.author,
            "timestamp": self.timestamp,
            "version": self.version,
            "statements": [statement.to_json() for statement in self.statements],
        }

    def time_of(self, statement: Statement) -> int:
        """When one of its statements was made, seconds since 1970."""
        return from_text(statement.timestamp or self.timestamp)


def _product(members: Members) -> Product:
    component = _component(members)
    return Product(
        id=component.id,
        identifiers=component.identifiers,
        hashes=component.hashes,
        subcomponents=tuple(map(_component, optional_children(members, "subcomponents"))),
    )


def _component(members: Members) -> Component:
    hashes = members.string_map("hashes")
    return Component(
        id=optional_text(members, "@id"),
        identifiers=members.string_map("identifiers"),
        hashes={name.lower(): digits.lower() for name, digits in hashes.items()},
    )


def _check_size(members: Members) -> None:
    """Refuse more than anybody writes by hand or tool, before any of it becomes objects of ours."""
    statements = members.children("statements")
    _check_count("statements", len(statements), STATEMENTS_LIMIT)
    products = [each for one in statements for each in optional_children(one, "products")]
    parts = sum(len(optional_children(each, "subcomponents")) for each in products)
    _check_count("products", len(products) + parts, PRODUCTS_LIMIT)


def _check_count(what: str, count: int, most: int) -> None:
    if count > most:
        raise PREDICATE_MALFORMED(
            f"openvex has too many {what}", found=str(count), expected=f"at most {most}"
        )


def _time(members: Members, name: str) -> str:
    """A time as `YYYY-MM-DDTHH:MM:SSZ`, also where it was written with an offset."""
    text = members.string(name)
    sign, offset = text[-_OFFSET:-5], text[-5:]
    if sign not in {"+", "-"}:
        return to_text(from_text(text, fraction=True))
    ahead = from_text(f"1970-01-01T{offset}:00Z")
    local = from_text(f"{text[:-_OFFSET]}Z", fraction=True)
    return to_text(local - ahead if sign == "+" else local + ahead)


def _unknown(what: str, found: str, known: tuple[str, ...]) -> Exception:
    return PREDICATE_MALFORMED(
        f"openvex has an unknown {what}", found=repr(found)[:100], expected=" or ".join(known)
    )
