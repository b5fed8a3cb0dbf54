"""Build provenance: by an accepted signer, from a builder that is theirs, of the right source.

Levels are the policy's knowledge of a builder; what a provenance claims about itself is not asked.
The source is what the caller of the build chose (`externalParameters.source`), never one of the
resolved dependencies: anybody may depend on somebody else's repository.

A workflow that signs keyless has a certificate that says which workflow it is, and what for. What
its provenance says of the same things has to be the same (docs/adr/0035).
"""

import re
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

__all__ = [
    "BUILDER_UNTRUSTED",
    "SOURCE_MISMATCH",
    "WORKFLOW_BUILD",
    "built_at",
    "check_certified",
    "check_provenance",
    "names_workflow",
    "source_of",
]

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

WORKFLOW_BUILD = "https://miniseal.dev/build-types/github-workflow@v1"
"""The build type whose parameters are what the certificate of the workflow says."""
_WORKFLOW = re.compile(r"https?://[^/]+/.+(/\.github/workflows/|//).+@.+", re.IGNORECASE)
"""A workflow's file with its ref, as certificates name it: GitHub's, and GitLab's with `//`."""


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
        check_certified(evidence)
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
    uri = source if isinstance(source, str) else _member(source, "uri")
    if not isinstance(uri, str):
        return None, None
    if not uri.startswith("git+"):
        return uri, None
    scheme, _, rest = uri.removeprefix("git+").partition("://")
    authority, _, path = rest.partition("/")
    if path.count("@") > 1 or ".." in path:
        return None, None
    repository, _, ref = path.partition("@")
    return f"{scheme}://{authority}/{repository}", ref or None


def names_workflow(builder_id: str) -> bool:
    """Whether a builder is a workflow of a CI system, which its certificates name the same way."""
    return _WORKFLOW.fullmatch(builder_id) is not None


def _names_its_workflow(evidence: Evidence[Provenance]) -> bool:
    """Whether a builder that is a workflow is the one that signed, as far as anything shows it.

    A key shows nothing: what it says of a builder is what the policy's `[[builder]]` takes from it.
    """
    made, certificate = evidence.predicate, evidence.signatory.certificate
    if certificate is not None and certificate.build_signer_uri == made.builder_id:
        return True
    if made.build_type == WORKFLOW_BUILD:
        return False
    return certificate is None or not names_workflow(made.builder_id)


def check_certified(evidence: Evidence[Provenance]) -> None:
    """Refuse what a workflow says of itself against its own certificate.

    Raises:
        VerificationError: `builder-untrusted`, `source-mismatch`.
    """
    made, certificate = evidence.predicate, evidence.signatory.certificate
    if not _names_its_workflow(evidence):
        shown = certificate and (certificate.build_signer_uri or certificate.subject)
        raise BUILDER_UNTRUSTED(
            "another workflow has signed than the provenance names as its builder",
            found=repr(shown or evidence.signatory.name)[:200],
            expected=made.builder_id[:200],
        )
    if made.build_type != WORKFLOW_BUILD or certificate is None:
        return
    repository, ref = source_of(made)
    for what, said, shown in (
        ("repository", repository, certificate.source_repository),
        ("commit", _commit_of(made), certificate.source_digest),
        ("ref", ref, certificate.source_ref),
    ):
        if said is None or said != shown:
            raise SOURCE_MISMATCH(
                f"the workflow ran for another {what} than its provenance names",
                found=repr(said)[:200],
                expected=repr(shown)[:200],
            )


def _commit_of(provenance: Provenance) -> str | None:
    """The commit of the source that the caller of the build chose."""
    digest = _member(provenance.external_parameters.get("source"), "digest")
    commit = _member(digest, "gitCommit")
    return commit if isinstance(commit, str) else None


def _member(value: object, name: str) -> object:
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None


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
