"""A policy in words: who is who, and what it demands of the programs of each namespace.

Every member that decides something has its words here; what is not demanded is not mentioned.
Nothing is judged: `advice` says what may not have been meant.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from miniseal.formats.times import to_text
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy

__all__ = ["Section", "demands", "explain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some of what a policy says.

    Attributes:
        title: of what: `signer acme`, or a namespace's pattern.
        lines: a sentence each, lower case, without a full stop.
    """

    title: str
    lines: tuple[str, ...]


def explain(policy: Policy) -> tuple[Section, ...]:
    """What the policy says, in the order: signers, trust, namespaces, what is denied."""
    document = policy.document
    sections = [
        Section(title=f"signer {name}", lines=(_signer(signer),))
        for name, signer in document.signer.items()
    ]
    if document.trust is not None:
        sections.append(Section(title="trust", lines=(_trust(document.trust),)))
    sections += [
        Section(title=each.apps, lines=tuple(_namespace(each, document)))
        for each in document.namespace
    ]
    if document.deny:
        sections.append(Section(title="denied", lines=tuple(map(_denial, document.deny))))
    return tuple(sections)


def demands(policy: Policy, namespace: model.Namespace, name: str) -> tuple[str, ...]:
    """What one rule of a namespace's `require`, or its `publishers`, demands."""
    if name == "publishers":
        return (_publishers(namespace),)
    rule = getattr(namespace.require, name, None)
    return () if rule is None else tuple(_RULES[name](rule, policy.document))


def _publishers(namespace: model.Namespace) -> str:
    return f"{_any(namespace.publishers)} has to have signed its provenance, or it with cosign"


def _signer(signer: model.Signer) -> str:
    if not signer.keys:
        return _keyless(signer)
    keys = [
        each.file if each.not_after is None else f"{each.file} until {_time(each)}"
        for each in signer.keys
    ]
    if len(keys) == 1:
        return f"signs with the key {keys[0]}"
    count = "one" if signer.threshold == 1 else f"{signer.threshold} distinct ones"
    return f"signs with {count} of the keys {', '.join(keys)}"


def _time(key: model.KeyFile) -> str:
    return "" if key.not_after is None else to_text(int(key.not_after.timestamp()))


def _keyless(signer: model.Signer) -> str:
    who = signer.identity or f"any {signer.identity_pattern}"
    more = (
        ("for the repository with id", signer.source_repository_id),
        ("of the owner with id", signer.source_owner_id),
        ("at the ref", signer.source_ref),
        ("on a runner that is", signer.runner_environment),
        ("started by", signer.build_trigger),
    )
    parts = [f"{words} {value}" for words, value in more if value is not None]
    return ", ".join([f"is whom {signer.issuer} knows as {who}", *parts])


def _trust(trust: model.Trust) -> str:
    if trust.tuf is None:
        return f"keyless signatures are verified with {trust.trusted_root}"
    return (
        f"keyless signatures are verified with {trust.tuf.target} of {trust.tuf.url}, from the "
        f"root {trust.tuf.root} on, refreshed in the last {trust.max_age}"
    )


def _namespace(namespace: model.Namespace, document: model.Document) -> Iterator[str]:
    yield _publishers(namespace)
    if namespace.min_version_code > 1:
        yield f"its version code has to be {namespace.min_version_code} or more"
    for each in fields(namespace.require):
        rule = getattr(namespace.require, each.name)
        if rule is not None:
            yield from _RULES[each.name](rule, document)
    yield from _grants(namespace)


def _grants(namespace: model.Namespace) -> Iterator[str]:
    limits = namespace.limits or model.Limits()
    kinds = (
        ("the permissions", namespace.permissions),
        ("the hosts", namespace.network_hosts),
        ("assets that a host could execute:", namespace.executable_assets),
    )
    granted = [f"{words} {', '.join(names)}" for words, names in kinds if names]
    yield f"it may have {'; '.join(granted) or 'no permission and no network'}"
    yield (
        f"it may ask for at most {limits.memory_mib} MiB, {limits.fuel} units of fuel and "
        f"{limits.wall_ms} ms a call"
    )


def _provenance(rule: model.Provenance, document: model.Document) -> Iterator[str]:
    more = (
        (" from the source", rule.source),
        (" at the ref", rule.ref),
        (" in the last", rule.max_age),
    )
    built = "".join(f"{words} {value}" for words, value in more if value is not None)
    builders = [
        f"{each.id} (level {each.level}, as {_any(signers)} signs)"
        for each in document.builder
        if (signers := [name for name in rule.signers if name in each.signers])
        and each.level >= rule.min_level
    ]
    yield f"one of these has to have built it{built}: {', '.join(builders)}"


def _sbom(rule: model.Sbom, _: model.Document) -> Iterator[str]:
    yield f"{_any(rule.signers)} has to have listed its parts{_age(rule.max_age)}"
    if rule.deny_licenses:
        yield f"no part may be under {_any(rule.deny_licenses)}"
    if rule.unknown_licenses == "refuse":
        yield "every part has to be under a known licence"


def _scans(rule: model.Vulnerabilities, _: model.Document) -> Iterator[str]:
    without = " that an update would mend" if rule.ignore_unfixed else ""
    worse = "" if rule.fail_on == "critical" else " or worse"
    yield (
        f"the latest scan by {_any(rule.signers)}, and its database, have to be of the last "
        f"{rule.max_age}, with nothing {rule.fail_on}{worse}{without}"
    )
    if rule.vex_signers:
        yield f"findings do not count of which {_any(rule.vex_signers)} says that they do no harm"


def _checks(rule: model.Checks, _: model.Document) -> Iterator[str]:
    yield (
        f"{_any(rule.signers)} has to have stated{_age(rule.max_age)} that these checks passed, "
        f"and nobody of them that any failed: {', '.join(rule.passed)}"
    )


def _capabilities(rule: model.Capabilities, _: model.Document) -> Iterator[str]:
    yield f"{_any(rule.signers)} has to have stated what it can reach{_age(rule.max_age)}"


def _rebuilders(rule: model.Rebuilders, _: model.Document) -> Iterator[str]:
    yield (
        f"{rule.agree} of {', '.join(rule.signers)} has to have built the same package again, each "
        "with a builder of its own, and none another one"
    )


def _verification(rule: model.Verification, _: model.Document) -> Iterator[str]:
    verifiers = _any(f"{each.signer} as {each.id}" for each in rule.verifiers)
    levels = f", with {', '.join(rule.levels)}" if rule.levels else ""
    policies = f", by the policy {_any(rule.policies)}" if rule.policies else ""
    yield (
        f"{verifiers} has to have verified it in the last {rule.max_age}{levels}{policies}, and "
        "the latest verification has to have passed"
    )


def _layout(rule: model.Layout, _: model.Document) -> Iterator[str]:
    who = _any(dict.fromkeys(rule.functionaries.values()))
    yield (
        f"its steps have to have gone as the layout {rule.file} says, which {_any(rule.signers)} "
        f"has to have signed, with links by {who}"
    )


def _denial(deny: model.Deny) -> str:
    targets = (each.name for each in fields(deny) if each.name not in {"reason", "codes"})
    name = next(name for name in targets if getattr(deny, name) is not None)
    codes = "" if deny.codes is None else f", version codes {deny.codes}"
    return f"{name} {getattr(deny, name)}{codes}: {deny.reason}"


def _age(age: str | None) -> str:
    return "" if age is None else f" in the last {age}"


def _any(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


_RULES: dict[str, Callable[[Any, model.Document], Iterator[str]]] = {
    "provenance": _provenance,
    "sbom": _sbom,
    "vulnerabilities": _scans,
    "checks": _checks,
    "capabilities": _capabilities,
    "rebuilders": _rebuilders,
    "verification": _verification,
    "layout": _layout,
}
