"""What a namespace demands: rules that ask for nothing, or that nothing can meet, are refused."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from miniseal.formats.licenses import is_pattern
from miniseal.verifier.policy.model import (
    Capabilities,
    Checks,
    Document,
    Layout,
    Namespace,
    Provenance,
    Rebuilders,
    Require,
    Sbom,
    Verification,
    Vulnerabilities,
)
from miniseal.verifier.policy.values import (
    check_age,
    check_digests,
    check_exact,
    check_pattern,
    check_range,
    check_signers,
    check_texts,
    check_unique,
    invalid,
)

__all__ = ["check_require"]


def check_require(where: str, namespace: Namespace, document: Document) -> None:
    """Check `[namespace.require.*]` of one namespace; `where` is its path.

    Raises:
        UsageError: `policy-invalid`.
    """
    require = namespace.require
    names = [each.name for each in fields(Require)]
    rules = {name: rule for name in names if (rule := getattr(require, name)) is not None}
    if not rules:
        raise invalid(where, "demands nothing", expected=f"one of {', '.join(names)}")
    for name, rule in rules.items():
        _CHECKS[name](f"{where}.{name}", rule, document)


def _check_timeless(where: str, rule: Sbom | Checks | Capabilities, document: Document) -> None:
    """Of evidence that has no time of its own, but the one at which it was signed."""
    check_signers(f"{where}.signers", rule.signers, document)
    if rule.max_age is None:
        return
    check_age(f"{where}.max_age", rule.max_age)
    if all(document.signer[name].keys for name in rule.signers):
        raise invalid(
            f"{where}.max_age",
            "can never be met: a signature with a key has no time that could be verified",
            rule.max_age,
            "a keyless signer, or no max_age",
        )


def _check_provenance(where: str, rule: Provenance, document: Document) -> None:
    check_signers(f"{where}.signers", rule.signers, document)
    check_range(f"{where}.min_level", rule.min_level, 0, 4)
    if rule.source is not None:
        check_exact(f"{where}.source", rule.source)
    if rule.ref is not None:
        check_pattern(f"{where}.ref", rule.ref)
    if rule.max_age is not None:
        check_age(f"{where}.max_age", rule.max_age)
    fitting = [
        builder
        for builder in document.builder
        if builder.level >= rule.min_level and set(builder.signers) & set(rule.signers)
    ]
    if not fitting:
        raise invalid(
            where,
            "can never be met",
            expected=f"a builder of level {rule.min_level} or more with one of its signers",
        )


def _check_sbom(where: str, rule: Sbom, document: Document) -> None:
    _check_timeless(where, rule, document)
    where = f"{where}.deny_licenses"
    check_unique(where, (pattern.lower() for pattern in rule.deny_licenses))
    for pattern in rule.deny_licenses:
        if not is_pattern(pattern):
            expected = "an SPDX identifier, with * for any characters"
            raise invalid(where, "has something that is no licence", pattern, expected)


def _check_scans(where: str, rule: Vulnerabilities, document: Document) -> None:
    check_signers(f"{where}.signers", rule.signers, document)
    check_age(f"{where}.max_age", rule.max_age)
    check_signers(f"{where}.vex_signers", rule.vex_signers, document, least=0)


def _check_passed(where: str, rule: Checks, document: Document) -> None:
    _check_timeless(where, rule, document)
    check_texts(f"{where}.passed", rule.passed, least=1)


def _check_rebuilders(where: str, rule: Rebuilders, document: Document) -> None:
    check_signers(f"{where}.signers", rule.signers, document)
    check_range(f"{where}.agree", rule.agree, 1, len(rule.signers))
    builders = {
        name: [each.id for each in document.builder if name in each.signers]
        for name in rule.signers
    }
    pairs = dict[str, str]()
    possible = sum(_pair(name, builders, pairs, set()) for name in rule.signers)
    if possible < rule.agree:
        raise invalid(
            f"{where}.agree",
            "can never be met",
            possible,
            f"{rule.agree} of its signers, each with a [[builder]] of its own",
        )


def _pair(
    name: str, builders: dict[str, list[str]], pairs: dict[str, str], tried: set[str]
) -> bool:
    """Whether one more signer finds a builder, be it that others move to another one of theirs."""
    for builder in builders[name]:
        if builder in tried:
            continue
        tried.add(builder)
        if builder not in pairs or _pair(pairs[builder], builders, pairs, tried):
            pairs[builder] = name
            return True
    return False


def _check_verification(where: str, rule: Verification, document: Document) -> None:
    if not rule.verifiers:
        raise invalid(f"{where}.verifiers", "is empty", expected="a signer and an id")
    check_unique(f"{where}.verifiers", (f"{each.id} by {each.signer}" for each in rule.verifiers))
    for each in rule.verifiers:
        check_signers(f"{where}.verifiers", (each.signer,), document)
        _check_single(f"{where}.verifiers", each.signer, document)
        check_exact(f"{where}.verifiers", each.id)
    check_age(f"{where}.max_age", rule.max_age)
    check_texts(f"{where}.levels", rule.levels)
    check_texts(f"{where}.policies", rule.policies)
    check_digests(f"{where}.policies", rule.policies, "no list of digests")


def _check_layout(where: str, rule: Layout, document: Document) -> None:
    check_signers(f"{where}.signers", rule.signers, document)
    for name in rule.signers:
        if not document.signer[name].keys:
            expected = "a signer with keys, as layouts are signed with one"
            raise invalid(f"{where}.signers", "can never be met by a keyless one", name, expected)
        _check_single(f"{where}.signers", name, document)
    where = f"{where}.functionaries"
    if not rule.functionaries:
        raise invalid(where, "is empty", expected="the layout's key ids, each with a signer's name")
    for key_id in rule.functionaries:
        check_exact(where, key_id)
    # several key ids of one signer are one person to `checks.layout`
    check_signers(where, dict.fromkeys(rule.functionaries.values()), document)


def _check_single(where: str, name: str, document: Document) -> None:
    """Refuse a signer whose threshold would not be asked: one signature alone is looked at."""
    threshold = document.signer[name].threshold
    if threshold > 1:
        expected = "a signer with a threshold of 1, since one signature decides"
        raise invalid(where, "takes one signature, not a threshold", threshold, expected)


_CHECKS: dict[str, Callable[[str, Any, Document], None]] = {
    "provenance": _check_provenance,
    "sbom": _check_sbom,
    "vulnerabilities": _check_scans,
    "checks": _check_passed,
    "capabilities": _check_timeless,
    "rebuilders": _check_rebuilders,
    "verification": _check_verification,
    "layout": _check_layout,
}
"""By the name of the rule: one that is not here is no rule that could be written."""
