"""in-toto layouts: which steps make a package, who may perform them, what may flow where.

Only a part of the format is read (`docs/reference/formats`): no inspections, because in-toto would
run their commands; every list of rules ends in `DISALLOW *`, because in-toto's own end of a list is
an implicit ALLOW; the last step REQUIREs the package manifest; members that in-toto knows and this
does not are refused, since some of them say who may sign. A layout's own commands are kept and mean
nothing. No signature is looked at here, and no rule is applied.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.times import from_text

__all__ = [
    "ARTIFACT_LENGTH",
    "LAYOUT_INVALID",
    "LAYOUT_LIMIT",
    "PACKAGE",
    "Layout",
    "LayoutKey",
    "LayoutStep",
    "is_artifact",
]

LAYOUT_LIMIT = 512 * 1024
"""Bytes."""
PACKAGE = "package"
"""What links call the package manifest."""
ARTIFACT_LENGTH = 512
"""The most characters of an artifact's name, and of a pattern."""

LAYOUT_INVALID = Code(
    "layout-invalid",
    FormatError,
    meaning="a document is not an in-toto layout of the kind that Miniseal follows",
    cause="an inspection, a list of rules without DISALLOW * at its end, a last step that does not "
    "REQUIRE the package, a rule or member that is not read, or another document",
    remedy="start from `miniseal layout create`, and change what the message names",
)

_STEPS = 32
_RULES = 32
_KEYS = 64
_STARS = 8
_LAST = ("DISALLOW", "*")
_REQUIRED = ("REQUIRE", PACKAGE)
_PATTERN_RULES = frozenset({"CREATE", "DELETE", "MODIFY", "ALLOW", "DISALLOW"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_ID = re.compile(r"[0-9a-f]{8,128}")
_SCHEMES = {"ecdsa": "ecdsa-sha2-nistp256", "ed25519": "ed25519"}
_CLASS = frozenset("[]\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutKey:
    """A functionary's public key, as securesystemslib writes it.

    Attributes:
        keytype: `ecdsa` or `ed25519`.
        public: PEM SPKI, or the 64 hex digits of an Ed25519 key.
    """

    keytype: str
    public: str

    @classmethod
    def from_members(cls, members: Members, key_id: str) -> "LayoutKey":
        """Read a key.

        Raises:
            FormatError: `layout-invalid`.
        """
        members.only("keyid", "keytype", "scheme", "keyval", "keyid_hash_algorithms")
        keytype, scheme = members.string("keytype"), members.string("scheme")
        if _SCHEMES.get(keytype) != scheme:
            raise LAYOUT_INVALID(
                f"{members.what} is of a kind that is not accepted",
                found=f"{keytype}, {scheme}"[:100],
                expected=" or ".join(f"{kind}, {name}" for kind, name in _SCHEMES.items()),
            )
        if members.optional_string("keyid") not in {None, key_id}:
            raise LAYOUT_INVALID(f"{members.what} has another keyid than it is listed under")
        public = members.child("keyval").only("public").string("public")
        return cls(keytype=keytype, public=public)

    def to_json(self, key_id: str) -> dict[str, object]:
        """The key as a JSON object."""
        return {
            "keyid": key_id,
            "keytype": self.keytype,
            "scheme": _SCHEMES[self.keytype],
            "keyval": {"public": self.public},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutStep:
    """A step, and what it may use and make.

    Attributes:
        name: unique in its layout; what its links are called.
        materials: rules for what goes in; each a list of words, as in-toto has them.
        products: rules for what comes out.
        functionaries: key ids of those who may perform it.
        threshold: how many distinct ones have to have done so, with the same result.
        command: that is expected; kept only.
    """

    name: str
    materials: tuple[tuple[str, ...], ...]
    products: tuple[tuple[str, ...], ...]
    functionaries: tuple[str, ...]
    threshold: int = 1
    command: tuple[str, ...] = ()

    @classmethod
    def from_members(cls, members: Members) -> "LayoutStep":
        """Read a step.

        Raises:
            FormatError: `layout-invalid`.
        """
        members.only(
            *("_type", "name", "expected_materials", "expected_products"),
            *("pubkeys", "threshold", "expected_command"),
        )
        if members.string("_type") != "step":
            raise LAYOUT_INVALID(f"{members.what} is not a step")
        return cls(
            name=members.string("name"),
            materials=_rules(members, "expected_materials"),
            products=_rules(members, "expected_products"),
            functionaries=tuple(members.strings("pubkeys")),
            threshold=members.integer("threshold", least=1, most=_KEYS),
            command=tuple(members.strings("expected_command")),
        )

    def check(self) -> None:
        """Refuse what is not followed.

        Raises:
            FormatError: `layout-invalid`.
        """
        where = f"step {self.name[:64]!r}"
        if not _NAME.fullmatch(self.name):
            raise LAYOUT_INVALID(f"{where} has a name that is not accepted")
        ids = self.functionaries
        if not all(map(_KEY_ID.fullmatch, ids)) or len(set(ids)) != len(ids):
            raise LAYOUT_INVALID(f"{where} has key ids that are not distinct lower-case hex")
        if not self.threshold <= len(ids) <= _KEYS:
            raise LAYOUT_INVALID(
                f"{where} has too few functionaries, or too many",
                found=str(len(ids)),
                expected=f"{self.threshold} to {_KEYS}",
            )
        for kind, rules in (("materials", self.materials), ("products", self.products)):
            _check_rules(f"{where}, {kind}", rules)

    @property
    def sources(self) -> frozenset[str]:
        """Names of the steps that its MATCH rules look at."""
        return frozenset(name for _, name, _ in self.matches())

    def matches(self) -> Iterator[tuple[str, str, str]]:
        """Of each MATCH rule: the list that it is in, the step, and that step's list."""
        for own, rules in (("MATERIALS", self.materials), ("PRODUCTS", self.products)):
            for rule in rules:
                if rule[0] == "MATCH":
                    yield own, rule[-1], rule[-3] if rule[-4] == "WITH" else rule[-5]

    def to_json(self) -> dict[str, object]:
        """The step as a JSON object."""
        return {
            "_type": "step",
            "name": self.name,
            "expected_materials": [list(rule) for rule in self.materials],
            "expected_products": [list(rule) for rule in self.products],
            "pubkeys": list(self.functionaries),
            "expected_command": list(self.command),
            "threshold": self.threshold,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout (in-toto specification 1.0, section 4.3), without its signature.

    Attributes:
        steps: in their order; the last one makes, or passes on, the package.
        keys: of functionaries who have one, by key id.
        expires: `YYYY-MM-DDTHH:MM:SSZ`; from then on nothing follows it.
        readme: for people.
    """

    steps: tuple[LayoutStep, ...]
    expires: str
    keys: dict[str, LayoutKey] = field(default_factory=dict[str, LayoutKey])
    readme: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not followed, read or to be written."""
        names = [step.name for step in self.steps]
        if not 1 <= len(names) <= _STEPS or len(set(names)) != len(names):
            raise LAYOUT_INVALID(
                "layout has no steps, too many, or two of one name",
                found=f"{len(names)} steps",
                expected=f"1 to {_STEPS}, each with a name of its own",
            )
        for step in self.steps:
            step.check()
            unknown = sorted(step.sources - set(names))
            if unknown:
                raise LAYOUT_INVALID(
                    f"step {step.name!r} matches with a step that the layout does not have",
                    found=repr(unknown[0])[:80],
                )
        _check_circles(self.steps)
        if _REQUIRED not in self.steps[-1].products:
            raise LAYOUT_INVALID(
                f"the last step, {names[-1]!r}, does not require the package",
                expected=" ".join(_REQUIRED),
            )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Layout":
        """Read a layout of at most `LAYOUT_LIMIT` bytes.

        Raises:
            FormatError: `layout-invalid`, `time-malformed`, `json-malformed`, `too-large`.
        """
        members = Members(
            loads(data, limit=LAYOUT_LIMIT, what="layout"), "layout", LAYOUT_INVALID
        ).only("_type", "steps", "inspect", "keys", "expires", "readme")
        if members.string("_type") != "layout":
            raise LAYOUT_INVALID("the document is not a layout", found=members.string("_type")[:60])
        if members.items("inspect"):
            raise LAYOUT_INVALID(
                "the layout has an inspection", hint="what an inspection would run is not run here"
            )
        keys = members.child("keys")
        if len(keys.values) > _KEYS or not all(map(_KEY_ID.fullmatch, keys.values)):
            raise LAYOUT_INVALID(f"the layout has over {_KEYS} keys, or key ids that are not hex")
        expires = members.string("expires")
        from_text(expires)
        readme = members.value("readme")
        if not isinstance(readme, str):
            raise LAYOUT_INVALID("layout.readme is not a text")
        return cls(
            steps=tuple(map(LayoutStep.from_members, members.children("steps"))),
            keys={name: LayoutKey.from_members(keys.child(name), name) for name in keys.values},
            expires=expires,
            readme=readme,
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON: what is signed."""
        return canonical(
            {
                "_type": "layout",
                "steps": [step.to_json() for step in self.steps],
                "inspect": [],
                "keys": {name: key.to_json(name) for name, key in self.keys.items()},
                "expires": self.expires,
                "readme": self.readme,
            }
        )


def is_artifact(name: str) -> bool:
    r"""Whether `name` can be an artifact's: a path in its only form, below nothing, up to nowhere.

    in-toto joins names with prefixes, and reads `\\` as `/`: other names could become another's.
    """
    return (
        1 <= len(name) <= ARTIFACT_LENGTH
        and name.isprintable()
        and "\\" not in name
        and all(part not in {"", ".", ".."} for part in name.split("/"))
    )


def _rules(members: Members, name: str) -> tuple[tuple[str, ...], ...]:
    listed = {str(index): rule for index, rule in enumerate(members.items(name))}
    rules = Members(listed, f"{members.what}.{name}", members.code)
    return tuple(tuple(rules.strings(index)) for index in listed)


def _check_rules(where: str, rules: tuple[tuple[str, ...], ...]) -> None:
    if len(rules) > _RULES or not rules or rules[-1] != _LAST:
        raise LAYOUT_INVALID(
            f"{where}: the rules do not end as they have to",
            found=" ".join(rules[-1])[:100] if rules else "no rule",
            expected=f"{' '.join(_LAST)}, and at most {_RULES} rules",
        )
    for rule in rules:
        if not _is_rule(rule):
            raise LAYOUT_INVALID(
                f"{where}: a rule is not read",
                found=" ".join(rule)[:200],
                expected="words in capitals, paths without .., and only * and ? as wildcards",
            )


def _is_rule(rule: tuple[str, ...]) -> bool:
    match rule:
        case ("REQUIRE", name):
            return is_artifact(name) and not set("*?") & set(name)
        case ("MATCH", pattern, *flow):
            return _is_pattern(pattern) and _is_flow(flow)
        case (word, pattern):
            return word in _PATTERN_RULES and _is_pattern(pattern)
        case _:
            return False


def _is_flow(flow: list[str]) -> bool:
    """Whether what follows a MATCH's pattern is `[IN A] WITH MATERIALS|PRODUCTS [IN B] FROM S`."""
    match flow:
        case ["IN", prefix, "WITH", *rest]:
            return is_artifact(prefix) and _is_flow(["WITH", *rest])
        case ["WITH", "MATERIALS" | "PRODUCTS", "IN", prefix, "FROM", step]:
            return is_artifact(prefix) and _NAME.fullmatch(step) is not None
        case ["WITH", "MATERIALS" | "PRODUCTS", "FROM", step]:
            return _NAME.fullmatch(step) is not None
        case _:
            return False


def _is_pattern(text: str) -> bool:
    return is_artifact(text) and text.count("*") <= _STARS and not _CLASS & set(text)


def _check_circles(steps: tuple[LayoutStep, ...]) -> None:
    """Refuse lists that match in a circle: each would allow whatever the others do."""
    graph: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for step in steps:
        for own, source, other in step.matches():
            graph.setdefault((step.name, own), set()).add((source, other))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[tuple[str, str]] = error.args[1]
        raise LAYOUT_INVALID(
            "rules match in a circle",
            found=", ".join(f"{kind.lower()} of {name}" for name, kind in circle)[:300],
        ) from error
