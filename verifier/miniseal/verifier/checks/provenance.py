"""Build provenance: by an accepted signer, from a builder that is theirs, of the right source.

Levels are the policy's knowledge of a builder; what a provenance claims about itself is not asked.
The source is what the caller of the build chose (`externalParameters.source`), never one of the
resolved dependencies: anybody may depend on somebody else's repository.
"""

from typing import cast

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.times import from_text
from miniseal.verifier.checks.freshness import check_age, signed_at
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.patterns import text_matches
from miniseal.verifier.policy.policy import Policy

__all__ = ["BUILDER_UNTRUSTED", "SOURCE_MISMATCH", "built_at", "check_provenance", "source_of"]

BUILDER_UNTRUSTED = Code(
    "builder-untrusted",
    VerificationError,
    meaning="the provenance names a builder that the policy does not accept from its signer",
    cause="the package was built elsewhere, or the builder's level is too low for the namespace",
    remedy="build with a builder of the policy, or have it listed with its signers and level",
)
SOURCE_MISMATCH = Code(
    "source-mismatch",
    VerificationError,
    meaning="the package was built from another source than the policy demands",
    cause="a fork, a local folder, or a repository that has moved",
    remedy="build from the source that the policy names",
)


def check_provenance(
    rule: model.Provenance, collected: Collected, policy: Policy, now: int
) -> tuple[Evidence[Provenance], ...]:
    """The provenance that meets the rule.

    Raises:
        VerificationError: `builder-untrusted`, `source-mismatch`, `evidence-stale`,
            `evidence-undated`, `evidence-from-future`, or as `checks.signer.rely`.
    """

    def accept(evidence: Evidence[Provenance], signer: str) -> None:
        _check_builder(evidence.predicate, signer, rule, policy)
        _check_source(evidence.predicate, rule)
        check_age(built_at(evidence), rule.max_age, now)

    return rely(collected, Provenance, rule.signers, policy, accept)


def built_at(evidence: Evidence[Provenance]) -> int | None:
    """When the build ended, as its provenance says, else when that was signed; or None."""
    finished = evidence.predicate.finished_on
    return signed_at(evidence) if finished is None else from_text(finished)


def source_of(provenance: Provenance) -> tuple[str | None, str | None]:
    """URI and ref of the source that the caller of the build chose; each None if there is none.

    The URI is without git's prefix. None also for what two readers may take for two repositories:
    several `@`, or `..`.
    """
    source = provenance.external_parameters.get("source")
    if isinstance(source, dict):
        source = cast("dict[str, object]", source).get("uri")
    if not isinstance(source, str):
        return None, None
    if not source.startswith("git+"):
        return source, None
    scheme, _, rest = source.removeprefix("git+").partition("://")
    authority, _, path = rest.partition("/")
    if path.count("@") > 1 or ".." in path:
        return None, None
    repository, _, ref = path.partition("@")
    return f"{scheme}://{authority}/{repository}", ref or None


def _check_builder(
    provenance: Provenance, signer: str, rule: model.Provenance, policy: Policy
) -> None:
    for builder in policy.document.builder:
        if builder.id == provenance.builder_id and signer in builder.signers:
            if builder.level >= rule.min_level:
                return
            raise BUILDER_UNTRUSTED(
                f"the builder's level is too low: {builder.id}",
                found=str(builder.level),
                expected=f"{rule.min_level} or more",
            )
    raise BUILDER_UNTRUSTED(
        f"the policy knows no such builder of {signer}",
        found=provenance.builder_id[:200],
        expected="the id of a [[builder]] with that signer",
    )


def _check_source(provenance: Provenance, rule: model.Provenance) -> None:
    found, ref = source_of(provenance)
    if rule.source is not None and found != rule.source:
        raise SOURCE_MISMATCH(
            "the package was built from another source",
            found=repr(found)[:200],
            expected=rule.source,
        )
    if rule.ref is not None and not (ref and text_matches(rule.ref, ref)):
        raise SOURCE_MISMATCH(
            "the package was built from another ref", found=repr(ref)[:200], expected=rule.ref
        )
