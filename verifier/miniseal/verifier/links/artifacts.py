"""What went into a step and what came out of it, and in-toto's own word on a layout's rules.

in-toto's engine is given names and digests, and nothing to read or run: no layout of its own kind,
no signature, no file. Names that it would rewrite are refused before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

from miniseal.formats.errors import Code, FormatError
from miniseal.formats.extras import need
from miniseal.formats.layout import LayoutStep, is_artifact
from miniseal.formats.predicates.link import Link
from miniseal.formats.statement import Subject

__all__ = ["ARTIFACTS", "LINK_MALFORMED", "Artifacts", "broken_rule"]

ARTIFACTS = 1024
"""The most materials, and the most products, of a step."""

LINK_MALFORMED = Code(
    "link-malformed",
    FormatError,
    meaning="a link names what went in or came out in a way that leaves doubt",
    cause="two artifacts of one name, a name that is not a plain path, no sha256 or sha512, or "
    "too many artifacts",
    remedy="write links with each artifact once, by a relative path and its sha256",
)

_DIGITS = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")
_ENGINE = Lock()  # in-toto notes what it does in a global


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """A step as its link tells it.

    Attributes:
        materials: name to digest, `sha256:` or `sha512:` and hex digits.
        products: the same.
    """

    materials: dict[str, str]
    products: dict[str, str]

    @classmethod
    def of(cls, link: Link, subjects: tuple[Subject, ...]) -> "Artifacts":
        """What a link, and the subjects of the statement around it, say.

        Raises:
            FormatError: `link-malformed`.
        """
        return cls(
            materials=_named((each.name, each.digest) for each in link.materials),
            products=_named((each.name, each.digest) for each in subjects),
        )

    def to_in_toto(self) -> dict[str, dict[str, dict[str, str]]]:
        """The same for in-toto: to each name its digests, here one, by algorithm."""
        both = {"materials": self.materials, "products": self.products}
        return {
            kind: {name: dict([digest.split(":", 1)]) for name, digest in named.items()}
            for kind, named in both.items()
        }


def broken_rule(step: LayoutStep, performed: Mapping[str, Artifacts]) -> str | None:
    """What in-toto says against a step, or None; `performed` has the step and all its `sources`."""
    # An extra, of hosts whose policy names a layout, and without types.
    need("layout")
    from in_toto import exceptions, verifylib  # type: ignore[import-untyped]
    from in_toto.models import layout, link  # type: ignore[import-untyped]

    links = {name: link.Link(name=name, **each.to_in_toto()) for name, each in performed.items()}
    item = layout.Step.read(step.to_json())  # pyright: ignore[reportUnknownMemberType]
    with _ENGINE:
        try:
            verifylib.verify_all_item_rules([item], links)  # pyright: ignore[reportUnknownMemberType]
        except (exceptions.RuleVerificationError, KeyError) as error:
            return str(error).partition("\n")[0][:300] or type(error).__name__
    return None


def _named(listed: Iterable[tuple[str | None, dict[str, str]]]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, digest in listed:
        if name is None or not is_artifact(name):
            raise LINK_MALFORMED("an artifact has no plain path for a name", found=repr(name)[:100])
        if name in named:
            raise LINK_MALFORMED("two artifacts have one name", found=name[:100])
        named[name] = _digest(name, digest)
        if len(named) > ARTIFACTS:
            raise LINK_MALFORMED("a link has too many artifacts", expected=f"at most {ARTIFACTS}")
    return named


def _digest(name: str, digest: Mapping[str, str]) -> str:
    """One digest of each artifact: to in-toto those of another set of algorithms are others."""
    for algorithm, length in _DIGITS.items():
        digits = digest.get(algorithm, "")
        if len(digits) == length and _HEX.issuperset(digits):
            return f"{algorithm}:{digits}"
    raise LINK_MALFORMED(
        f"artifact {name[:100]} has no usable digest",
        found=", ".join(digest)[:100],
        expected=" or ".join(_DIGITS),
    )
