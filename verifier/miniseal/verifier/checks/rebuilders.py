"""Rebuilders: others who built the source and got the very same package.

A rebuild counts as provenance about the package by a rebuilder with a builder of theirs. Rebuilds
that share a signer, a builder or a key are one: they would fail together. None is a publisher's, by
name or by key, and none was made by the publisher's own builder, whoever signs for that. That some
rebuilder got another package outweighs them all, whatever came later: test results carry no time
(`checks.test_result`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.test_result import TestResult
from miniseal.verifier.checks.independent import distinct, is_publisher
from miniseal.verifier.checks.provenance import check_certified
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy.model import Namespace, Rebuilders
from miniseal.verifier.policy.policy import Policy

__all__ = ["REBUILDS_MISSING", "REBUILD_MISMATCH", "TEST", "check_rebuilders"]

REBUILD_MISMATCH = Code(
    "rebuild-mismatch",
    VerificationError,
    meaning="a rebuilder whom the policy names has built the source and got another package",
    cause="the build is not reproducible, or the package was not made of the source that it names",
    remedy="find the difference with `miniseal rebuild`; correct it and release a new version",
)
REBUILDS_MISSING = Code(
    "rebuilds-missing",
    VerificationError,
    meaning="too few independent rebuilders got the same package",
    cause="nobody has rebuilt it yet, or the rebuilds share a signer, a builder or a key",
    remedy="have as many of the policy's rebuilders run `miniseal rebuild --attest` as it demands",
)

TEST = "rebuild"
"""The name of the test that fails where a rebuild differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rebuild:
    """One signer's word on one builder, by enough of the signer's keys."""

    signer: str
    builder: str
    evidence: dict[str, Evidence[Provenance]]

    @property
    def known_by(self) -> frozenset[str]:
        """What another rebuild must not share, to be independent of this one."""
        return frozenset({f"signer {self.signer}", f"builder {self.builder}", *self.evidence})


def check_rebuilders(
    rule: Rebuilders, collected: Collected, policy: Policy, namespace: Namespace
) -> tuple[Evidence[object], ...]:
    """The rebuilds that the admission rests on.

    Raises:
        VerificationError: `rebuild-mismatch`, `rebuilds-missing`.
    """
    for evidence in collected.by(TestResult, rule.signers):
        _check_mismatch(evidence.predicate)
    reasons: list[str] = []
    rebuilds = tuple(_rebuilds(rule, collected, policy, namespace, reasons))
    agreeing = distinct(each.known_by for each in rebuilds)
    if agreeing < rule.agree:
        raise REBUILDS_MISSING(
            "too few independent rebuilders got this package",
            found="; ".join((str(agreeing), *dict.fromkeys(reasons)))[:300],
            expected=f"{rule.agree} of {', '.join(rule.signers)}, each with a builder of its own",
        )
    relied = {each.bundle: each for made in rebuilds for each in made.evidence.values()}
    return tuple(relied.values())


def _check_mismatch(result: TestResult) -> None:
    unnamed = result.result == "FAILED" and not result.failed
    if TEST in result.failed or unnamed:
        raise REBUILD_MISMATCH(
            "a rebuilder got another package",
            found=", ".join(each.name or each.uri or "" for each in result.configuration)[:200],
            expected="the same package",
        )


def _rebuilds(
    rule: Rebuilders,
    collected: Collected,
    policy: Policy,
    namespace: Namespace,
    reasons: list[str],
) -> Iterable[_Rebuild]:
    """What counts; why the rest does not is put into `reasons`."""
    demanded = namespace.require.provenance
    builders = namespace.publishers if demanded is None else demanded.signers + namespace.publishers
    own = {each.predicate.builder_id for each in collected.by(Provenance, builders)}
    for name in rule.signers:
        made: dict[str, dict[str, Evidence[Provenance]]] = {}
        for evidence in collected.by(Provenance, (name,)):
            builder = evidence.predicate.builder_id
            if is_publisher(evidence, namespace, policy):
                reasons.append(f"{name} signs with a publisher's key")
            elif builder in own:
                reasons.append(f"{name} used the publisher's builder")
            elif not _is_known(builder, name, policy):
                reasons.append(f"the policy knows no builder {builder} of {name}")
            elif (doubt := _doubt(evidence)) is not None:
                reasons.append(f"of {name}, {doubt}")
            else:
                made.setdefault(builder, {}).setdefault(evidence.signatory.id, evidence)
        for builder, by_key in made.items():
            if len(by_key) < policy.document.signer[name].threshold:
                reasons.append(f"too few keys of {name} have signed")
            else:
                yield _Rebuild(signer=name, builder=builder, evidence=by_key)


def _doubt(evidence: Evidence[Provenance]) -> str | None:
    """What the rebuilder's own certificate says against its provenance."""
    try:
        check_certified(evidence)
    except VerificationError as error:
        return error.message
    return None


def _is_known(builder: str, signer: str, policy: Policy) -> bool:
    return any(each.id == builder and signer in each.signers for each in policy.document.builder)
