"""What a policy's author may not have meant: rules that are allowed, and leave something open.

A warning refuses nothing; what cannot be right at all is `rules`' business. About signers,
trust and layouts see `doubts`.
"""

from collections.abc import Iterator

from miniseal.formats.times import to_text
from miniseal.verifier.policy import model
from miniseal.verifier.policy.doubts import (
    builder_doubts,
    layout_doubts,
    signer_doubts,
    trust_doubts,
)
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.policy.policy import Policy

__all__ = ["warnings"]

_DAY = 86_400
_SOON = 14 * _DAY
_LONG = {"max_admission_age": 90 * _DAY, "scan": 30 * _DAY, "verification": 30 * _DAY}
_FAR = 400 * _DAY


def warnings(policy: Policy, *, now: int) -> tuple[str, ...]:
    """A line for each, lower case, without a full stop; `now` is seconds since 1970."""
    document = policy.document
    return (
        *_ends(policy, now),
        *(text for name in document.signer for text in _keys(policy, name, now)),
        *_shared(policy),
        *(
            f"signer {name}: {text}"
            for name, signer in document.signer.items()
            for text in signer_doubts(signer)
        ),
        *builder_doubts(document),
        *trust_doubts(document),
        *(
            f"{each.apps}: {text}"
            for each in policy.namespaces
            for text in _namespace(each, policy, now)
        ),
    )


def _ends(policy: Policy, now: int) -> Iterator[str]:
    left = policy.end - now
    if left <= 0:
        yield f"the policy has expired on {policy.expires}: nothing is admitted or loaded"
    elif left < _SOON:
        yield f"the policy expires on {policy.expires}: bring a new one to the hosts before"
    elif left > _FAR:
        yield f"the policy is good until {policy.expires}: so long may a host miss every revocation"
    if policy.max_admission_age > _LONG["max_admission_age"]:
        age = policy.document.max_admission_age
        yield f"what is installed is not checked again for {age} (max_admission_age)"


def _keys(policy: Policy, name: str, now: int) -> Iterator[str]:
    signer, keys = policy.document.signer[name], policy.keys[name]
    for entry, key in zip(signer.keys, keys, strict=True):
        if key.not_after is None:
            continue
        if not key.valid_at(now):
            yield f"signer {name}: {entry.file} verifies nothing since {to_text(key.not_after)}"
        elif not key.valid_at(now + _SOON):
            yield f"signer {name}: {entry.file} verifies nothing from {to_text(key.not_after)} on"
    left = sum(key.valid_at(now) for key in keys)
    if keys and left < signer.threshold:
        yield f"signer {name}: {left} keys are left, and {signer.threshold} have to sign"


def _shared(policy: Policy) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for name, keys in policy.keys.items():
        for key in keys:
            owners.setdefault(key.digest, []).append(name)
    for names in owners.values():
        if len(names) > 1:
            yield f"signers {' and '.join(names)} have a key in common: one may speak for the other"


def _namespace(namespace: model.Namespace, policy: Policy, now: int) -> Iterator[str]:
    require, document = namespace.require, policy.document
    if namespace.apps.count(".") == 1 and namespace.apps.endswith(".*"):
        yield "covers everybody below one name: a publisher here may call itself by others' names"
    yield from _build(namespace, document)
    yield from _scans(namespace)
    yield from _parts(require.sbom)
    yield from _timeless(namespace, document)
    if require.verification is not None:
        yield from _verification(require)
    if require.layout is not None:
        publishers = namespace.publishers
        yield from layout_doubts(require.layout, publishers, policy, now=now, soon=_SOON)


def _build(namespace: model.Namespace, document: model.Document) -> Iterator[str]:
    require, rule = namespace.require, namespace.require.provenance
    if rule is None:
        if require.verification is None:
            yield "no provenance is required: nobody says from what it was built, or how"
        return
    for name in rule.signers:
        if not any(
            name in each.signers and each.level >= rule.min_level for each in document.builder
        ):
            yield f"{name} has no builder of level {rule.min_level}, so its provenance never counts"
    if rule.source is None:
        yield "provenance names no source: a build from any repository passes"
        if rule.ref is not None:
            yield "provenance.ref without source is a ref of any repository"
    if require.rebuilders is None and rule.min_level < 2:
        yield "nobody rebuilds, and min_level is below 2: the build is its own machine's word"


def _scans(namespace: model.Namespace) -> Iterator[str]:
    scans, publishers = namespace.require.vulnerabilities, set(namespace.publishers)
    if scans is None:
        if namespace.require.verification is None:
            yield "no scan is required: known vulnerabilities are not looked at"
        return
    if publishers & set(scans.signers):
        yield f"{_names(publishers, scans.signers)} publishes here and scans itself"
    if (seconds(scans.max_age) or 0) > _LONG["scan"]:
        yield f"a scan may be {scans.max_age} old: what became known since is not looked at"
    if scans.ignore_unfixed:
        yield "ignore_unfixed lets vulnerabilities pass for which there is no update"
    if publishers & set(scans.vex_signers):
        own = _names(publishers, scans.vex_signers)
        yield f"{own} publishes here and may say itself which findings do not count"


def _parts(rule: model.Sbom | None) -> Iterator[str]:
    if rule is not None and rule.deny_licenses and rule.unknown_licenses == "allow":
        yield "deny_licenses sees no part without a known licence, and unknown_licenses allows it"


def _timeless(namespace: model.Namespace, document: model.Document) -> Iterator[str]:
    require = namespace.require
    for name in ("sbom", "checks", "capabilities"):
        rule = getattr(require, name)
        if rule is not None and rule.max_age is not None:
            for signer in rule.signers:
                if document.signer[signer].keys:
                    yield f"{name}.max_age is never met by what {signer} signs: keys give no time"


def _verification(require: model.Require) -> Iterator[str]:
    rule = require.verification
    if rule is None:
        return
    if sum(getattr(require, name) is not None for name in ("provenance", "vulnerabilities")) == 0:
        yield "all is left to somebody else's verification"
    if not rule.policies:
        yield "the verification may have been by any policy (verification.policies)"
    if (seconds(rule.max_age) or 0) > _LONG["verification"]:
        yield f"a verification may be {rule.max_age} old: what became known since is not looked at"


def _names(some: set[str], order: tuple[str, ...]) -> str:
    return ", ".join(name for name in order if name in some)
