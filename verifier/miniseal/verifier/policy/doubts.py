"""What a signer or the trust behind it leaves open, in words for `advice`."""

from collections.abc import Iterator

from miniseal.verifier.policy.model import Document, Signer
from miniseal.verifier.policy.patterns import is_email_pattern, seconds, text_matches
from miniseal.verifier.policy.values import is_plain

__all__ = ["signer_doubts", "trust_doubts"]

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


def trust_doubts(document: Document) -> Iterator[str]:
    """A line for each, about `[trust]`."""
    trust = document.trust
    if trust is None:
        return
    if all(signer.keys for signer in document.signer.values()):
        yield "trust: no signer is keyless, so nothing is verified with it"
    if trust.tuf is not None and (seconds(trust.max_age or "") or 0) > _LONG:
        yield f"trust: {trust.max_age} without a refresh pass: so long may a revoked log count"
