"""Why a package is admitted or refused: each requirement, its evidence, and what is missing.

It looks on where a verdict stops at the first refusal, with the same checks in the same order, so
that its first refusal is the one that `verify` raises.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from miniseal.formats.errors import MinisealError
from miniseal.verifier.checks.require import Case, Relied, Requirement, requirements, together
from miniseal.verifier.core import Asked, Trusting, conclude
from miniseal.verifier.evidence import URIS, Evidence
from miniseal.verifier.examine import VERIFICATION_FAILED, Examined, ask, gather, refusing
from miniseal.verifier.fetch import fetch_content
from miniseal.verifier.policy.explain import demands
from miniseal.verifier.source import Source

_T = TypeVar("_T")

__all__ = ["Explanation", "Heard", "Point", "explain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One attached statement that a requirement is about.

    Attributes:
        bundle: digest of the bundle.
        predicate_type: of the statement.
        signers: the policy's names for whoever signed, sorted; none where that is nobody it knows.
        signatory: the key's digest or the certificate's subject, where the signature was verified.
        relied: whether the requirement is met by it.
        error: why the statement does not count at all, or None.
    """

    bundle: str
    predicate_type: str
    signers: tuple[str, ...] = ()
    signatory: str | None = None
    relied: bool = False
    error: MinisealError | None = None

    def to_json(self) -> dict[str, object]:
        """One entry of `heard`."""
        return {
            "bundle": self.bundle,
            "predicate_type": self.predicate_type,
            "signers": list(self.signers),
            "signatory": self.signatory,
            "relied": self.relied,
            "error": None if self.error is None else self.error.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Something that has to be so.

    Attributes:
        name: `package`, `evidence`, the name of a requirement, or `content`.
        demands: what the policy demands here, a sentence each.
        heard: the statements that it is about.
        error: why it is not so, with what would mend it; None where it is.
    """

    name: str
    demands: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    error: MinisealError | None = None

    def to_json(self) -> dict[str, object]:
        """One entry of `points`."""
        return {
            "name": self.name,
            "met": self.error is None,
            "demands": list(self.demands),
            "heard": [each.to_json() for each in self.heard],
            "error": None if self.error is None else self.error.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that was looked at.

    Attributes:
        app_id: that was asked for.
        package: digest of the package manifest, where it was found.
        points: in the order in which `verify` checks them, as far as they could be looked at.
        examined: the verdict, where every point is met; else None.
    """

    app_id: str
    package: str | None
    points: tuple[Point, ...]
    examined: Examined | None = None

    @property
    def error(self) -> MinisealError | None:
        """The first refusal, which is the one that `verify` raises; None where there is none."""
        return next((each.error for each in self.points if each.error is not None), None)

    def conclude(self) -> Examined:
        """What `examine` returns.

        Raises:
            MinisealError: the first refusal.
        """
        if self.examined is None:
            raise self.error or VERIFICATION_FAILED("there is no verdict")
        return self.examined

    def to_json(self) -> dict[str, object]:
        """The `explanation` member of `miniseal verify --explain --json`."""
        return {
            "app_id": self.app_id,
            "package": self.package,
            "points": [each.to_json() for each in self.points],
        }


def explain(app_id: str, source: Source, reference: str, trusting: Trusting) -> Explanation:
    """Look at everything that `verify` would, and say of each point whether it is met.

    Args:
        app_id: the program that is expected.
        source: one repository, not trusted.
        reference: a tag or a digest.
        trusting: policy, time and trust material.
    """
    looking = _Looking(source)
    examined = looking.look(app_id, reference, trusting)
    return Explanation(
        app_id=app_id,
        package=looking.package,
        points=tuple(looking.points),
        examined=None if any(each.error for each in looking.points) else examined,
    )


@dataclass(slots=True)
class _Looking:
    source: Source
    package: str | None = None
    points: list[Point] = field(default_factory=list[Point])

    def look(self, app_id: str, reference: str, trusting: Trusting) -> Examined | None:
        asked = self._point("package", lambda: ask(app_id, self.source, reference, trusting))
        if asked is None:
            return None
        self.package = asked.fetched.descriptor.digest
        case = self._point("evidence", lambda: gather(asked, self.source))
        return None if case is None else self._judge(asked, case)

    def _judge(self, asked: Asked, case: Case) -> Examined | None:
        relied: list[Relied] = []
        for requirement in requirements(case):
            point, found = _looked_at(requirement, case)
            self.points.append(point)
            relied += [found] if found is not None else []
        return self._point("content", lambda: self._content(asked, case, together(relied)))

    def _content(self, asked: Asked, case: Case, relied: Relied) -> Examined:
        content = fetch_content(self.source, asked.fetched)
        return Examined(
            verdict=conclude(asked, case, relied, content),
            fetched=asked.fetched,
            content=content,
            evidence=case.collected.evidence,
        )

    def _point(self, name: str, look: Callable[[], _T]) -> _T | None:
        """What `look` finds, or None where it refuses; either way one point more."""
        try:
            with refusing():
                found = look()
        except MinisealError as error:
            self.points.append(Point(name=name, error=error))
            return None
        self.points.append(Point(name=name))
        return found


def _looked_at(requirement: Requirement, case: Case) -> tuple[Point, Relied | None]:
    relied: Relied | None = None
    error: MinisealError | None = None
    try:
        with refusing():
            relied = requirement.check()
    except MinisealError as refusal:
        error = refusal
    needed = frozenset(each.bundle for each in relied.evidence) if relied else frozenset[str]()
    point = Point(
        name=requirement.name,
        demands=demands(case.policy, case.namespace, requirement.name),
        heard=tuple(_heard(requirement, case, needed)),
        error=error,
    )
    return point, relied


def _heard(requirement: Requirement, case: Case, needed: frozenset[str]) -> Iterator[Heard]:
    for evidence in case.collected.evidence:
        if isinstance(evidence.predicate, requirement.kinds):
            yield _said(evidence, relied=evidence.bundle in needed)
    uris = {URIS[kind] for kind in requirement.kinds}
    for aside in case.collected.aside:
        if aside.predicate_type in uris:
            yield Heard(bundle=aside.bundle, predicate_type=aside.predicate_type, error=aside.error)


def _said(evidence: Evidence[object], *, relied: bool) -> Heard:
    return Heard(
        bundle=evidence.bundle,
        predicate_type=URIS[type(evidence.predicate)],
        signers=tuple(sorted(evidence.signers)),
        signatory=evidence.signatory.name,
        relied=relied,
    )
