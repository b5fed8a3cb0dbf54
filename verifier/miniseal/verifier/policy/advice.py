"""What a policy's author may not have meant: rules that are allowed, and weaken what they stand in.

A warning refuses nothing; what cannot be right at all is `rules`' business.
"""

from collections.abc import Iterator

from miniseal.formats.times import to_text
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy

__all__ = ["warnings"]


def warnings(policy: Policy, *, now: int) -> tuple[str, ...]:
    """A line for each, lower case, without a full stop; `now` is seconds since 1970."""
    return (
        *_ended(policy, now),
        *(f"{each.apps}: {text}" for each in policy.namespaces for text in _namespace(each)),
    )


def _ended(policy: Policy, now: int) -> Iterator[str]:
    if now >= policy.end:
        yield f"the policy has expired on {policy.expires}: nothing is admitted or loaded"
    for name, signer in policy.document.signer.items():
        left = sum(key.valid_at(now) for key in policy.keys[name])
        for entry, key in zip(signer.keys, policy.keys[name], strict=True):
            if key.not_after is not None and not key.valid_at(now):
                yield f"signer {name}: {entry.file} verifies nothing since {to_text(key.not_after)}"
        if left < signer.threshold:
            yield f"signer {name}: {left} keys are left, and {signer.threshold} have to sign"


def _namespace(namespace: Namespace) -> Iterator[str]:
    scans, parts = namespace.require.vulnerabilities, namespace.require.sbom
    if scans is None:
        yield "no scan is required: known vulnerabilities are not looked at"
    else:
        if scans.ignore_unfixed:
            yield "ignore_unfixed lets vulnerabilities pass for which there is no update"
        own = sorted(set(scans.vex_signers) & set(namespace.publishers))
        if own:
            yield f"{', '.join(own)} publishes here and may say itself which findings do not count"
    if parts is not None and parts.deny_licenses and parts.unknown_licenses == "allow":
        yield "deny_licenses sees no part without a known licence, and unknown_licenses allows it"
