"""What a signer, the trust behind it or a layout leaves open, in words for `advice`."""

from collections.abc import Iterator

from miniseal.formats import layout as steps
from miniseal.formats.errors import MinisealError
from miniseal.formats.times import to_text
from miniseal.verifier.checks.layout import open_layout
from miniseal.verifier.checks.provenance import names_workflow
from miniseal.verifier.policy.model import Document, Layout, Signer
from miniseal.verifier.policy.patterns import (
    identity_matches,
    is_email_pattern,
    seconds,
    text_matches,
)
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.policy.values import is_plain

__all__ = ["builder_doubts", "layout_doubts", "signer_doubts", "trust_doubts"]

_LONG = 14 * 86_400
_BY_STRANGERS = ("pull_request", "pull_request_target", "issue_comment", "workflow_run")
_WITHOUT_SOURCE = "https://kubernetes.io/namespaces/"
_A_BRANCH = "refs/heads/some-branch"
_A_REQUEST = "refs/pull/1/merge"


def signer_doubts(signer: Signer) -> Iterator[str]:
    """A line for each, without the signer's name."""
    if signer.keys:
        return
    if signer.issuer is not None and is_plain(signer.issuer):
        yield f"{signer.issuer} is asked without TLS: whoever is in between names anybody"
    identity = signer.identity or signer.identity_pattern or ""
    if is_email_pattern(identity):
        if "*" in identity:
            yield f"everybody with an address at {identity.rpartition('@')[2]} may sign"
        return
    yield from _workflow(identity)
    if identity.startswith("http") and not identity.startswith(_WITHOUT_SOURCE):
        yield from _source(signer)


def _workflow(identity: str) -> Iterator[str]:
    """Of the subject alternative name of something that runs by itself."""
    before, _, ref = identity.rpartition("@")
    if "*" in (before or identity):
        yield f"every workflow that matches {identity} may sign, also one that is still to come"
    elif text_matches(ref, _A_REQUEST):
        yield "identity_pattern allows the workflow at any ref, also of a pull request"
    elif ref.startswith("refs/heads/"):
        yield f"the workflow at {ref} changes whenever somebody pushes there"


def _source(signer: Signer) -> Iterator[str]:
    if signer.source_repository_id is None:
        yield "no source_repository_id: whoever may call the workflow, or include it, may sign"
    if signer.source_ref is None:
        yield "no source_ref: every branch, tag and pull request of the repository may sign"
    elif text_matches(signer.source_ref, _A_REQUEST):
        yield f"source_ref {signer.source_ref} allows pull requests"
    elif text_matches(signer.source_ref, _A_BRANCH):
        yield f"source_ref {signer.source_ref} allows every branch"
    if signer.runner_environment is None:
        yield "no runner_environment: a runner of the repository's own may sign"
    elif signer.runner_environment == "self-hosted":
        yield "self-hosted runners sign: whoever has such a machine has the identity"
    if signer.build_trigger in _BY_STRANGERS:
        yield f"{signer.build_trigger} lets strangers start what signs"


def builder_doubts(document: Document) -> Iterator[str]:
    """A line for each signer of a builder that is a workflow, and cannot be shown to be it."""
    for builder in document.builder:
        for name in builder.signers if names_workflow(builder.id) else ():
            signer = document.signer[name]
            if signer.keys:
                yield f"builder {builder.id}: nothing shows that {name}, a key, is that workflow"
            elif not identity_matches(signer.identity or signer.identity_pattern or "", builder.id):
                yield f"builder {builder.id}: {name} is another, so its provenance never counts"


def trust_doubts(document: Document) -> Iterator[str]:
    """A line for each, about `[trust]`."""
    trust = document.trust
    if trust is None:
        return
    if all(signer.keys for signer in document.signer.values()):
        yield "trust: no signer is keyless, so nothing is verified with it"
    if trust.tuf is not None and (seconds(trust.max_age or "") or 0) > _LONG:
        yield f"trust: {trust.max_age} without a refresh pass: so long may a revoked log count"


def layout_doubts(
    rule: Layout, publishers: tuple[str, ...], policy: Policy, *, now: int, soon: int
) -> Iterator[str]:
    """A line for each.

    Args:
        rule: of one namespace.
        publishers: of that namespace.
        policy: has the layout.
        now: seconds since 1970.
        soon: seconds from which on an end is far enough.
    """
    try:
        layout, end = open_layout(rule, policy.layouts[rule.file], policy, now)
    except MinisealError as error:
        yield f"nothing follows the layout {rule.file}: {error.message}"
        return
    if end - now < soon:
        yield f"nothing follows the layout {rule.file} from {to_text(end)} on"
    yield from _steps(rule, layout)
    if set(rule.functionaries.values()) <= set(publishers):
        yield "every step of the layout is a publisher's own word"


def _steps(rule: Layout, layout: steps.Layout) -> Iterator[str]:
    used = {key_id for step in layout.steps for key_id in step.functionaries}
    for key_id in rule.functionaries:
        if key_id not in used:
            yield f"layout.functionaries: no step of {rule.file} is for {key_id}"
    for step in layout.steps:
        who = {
            rule.functionaries[each] for each in step.functionaries if each in rule.functionaries
        }
        if len(who) < step.threshold:
            yield (
                f"the step {step.name} of {rule.file} takes {step.threshold} functionaries, and "
                f"layout.functionaries has {len(who)} of them: nothing can follow it"
            )
