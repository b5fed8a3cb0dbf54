"""What the members of a policy have to mean together, checked when it is read.

A policy that demands nothing, names somebody unknown or can never be met is refused here, so that
no check has to think about it. No file is read and no signature is looked at.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.licenses import is_pattern
from miniseal.formats.strictjson import MAX_INTEGER
from miniseal.verifier.policy.model import Builder, Deny, Document, Host, Namespace, Require, Signer
from miniseal.verifier.policy.patterns import codes, is_app_pattern, is_host_pattern, seconds

__all__ = ["POLICY_INVALID", "check_document", "invalid"]

POLICY_INVALID = Code(
    "policy-invalid",
    UsageError,
    meaning="a policy cannot be read, contradicts itself, or demands nothing",
    cause="an unknown or missing member, a name that nothing defines, or a missing key file",
    remedy="correct the member that the message names; FORMATS section 5 lists them all",
)

_TARGETS = ("package", "wasm", "app", "signer", "scanner", "toolchain", "builder")
_DIGESTS = ("package", "wasm", "scanner", "toolchain")


def invalid(
    member: str, message: str, found: object = None, expected: str | None = None
) -> Exception:
    """A `policy-invalid` about one member."""
    text = None if found is None else repr(found)[:100]
    return POLICY_INVALID(f"policy: {member} {message}", found=text, expected=expected)


def check_document(document: Document) -> None:
    """Check everything that a policy says by itself.

    Raises:
        UsageError: `policy-invalid`, with the member's path.
    """
    _in_range("version", document.version, 1, 1)
    _in_range("serial", document.serial, 1)
    _check_time("expires", document.expires)
    _check_age("max_admission_age", document.max_admission_age)
    for name, signer in document.signer.items():
        _check_signer(f"signer.{name}", signer)
    _unique("builder", (builder.id for builder in document.builder))
    for index, builder in enumerate(document.builder):
        _check_builder(f"builder[{index}]", builder, document)
    if not document.namespace:
        raise invalid("namespace", "is empty: nothing could ever be admitted")
    _unique("namespace", (namespace.apps for namespace in document.namespace))
    for index, namespace in enumerate(document.namespace):
        _check_namespace(f"namespace[{index}]", namespace, document)
    for name, permission in document.permission.items():
        _texts(f"permission.{name}.interfaces", permission.interfaces)
    _check_host(document.host)
    for index, deny in enumerate(document.deny):
        _check_deny(f"deny[{index}]", deny, document)


def _check_signer(where: str, signer: Signer) -> None:
    if not signer.keys:
        raise invalid(f"{where}.keys", "is empty")
    _unique(f"{where}.keys", (key.file for key in signer.keys))
    _in_range(f"{where}.threshold", signer.threshold, 1, len(signer.keys))
    for index, key in enumerate(signer.keys):
        if key.not_after is not None:
            _check_time(f"{where}.keys[{index}].not_after", key.not_after)


def _check_builder(where: str, builder: Builder, document: Document) -> None:
    _texts(f"{where}.id", (builder.id,))
    _check_signers(f"{where}.signers", builder.signers, document)
    _in_range(f"{where}.level", builder.level, 0, 4)


def _check_namespace(where: str, namespace: Namespace, document: Document) -> None:
    if not is_app_pattern(namespace.apps):
        raise invalid(f"{where}.apps", "is no pattern", namespace.apps, "an app_id or prefix.*")
    _check_signers(f"{where}.publishers", namespace.publishers, document)
    _texts(f"{where}.permissions", namespace.permissions)
    for host in namespace.network_hosts:
        if not is_host_pattern(host):
            raise invalid(f"{where}.network_hosts", "has no host", host, "a name or *.domain")
    if namespace.limits is not None:
        limits = namespace.limits
        for name in ("memory_mib", "fuel", "wall_ms"):
            _in_range(f"{where}.limits.{name}", getattr(limits, name), 1)
    _in_range(f"{where}.min_version_code", namespace.min_version_code, 1)
    _check_require(f"{where}.require", namespace.require, document)


def _check_require(where: str, require: Require, document: Document) -> None:
    rules = {
        "provenance": require.provenance,
        "sbom": require.sbom,
        "vulnerabilities": require.vulnerabilities,
        "checks": require.checks,
        "capabilities": require.capabilities,
    }
    if not any(rules.values()):
        raise invalid(where, "demands nothing", expected=f"one of {', '.join(rules)}")
    for name, rule in rules.items():
        if rule is not None:
            _check_signers(f"{where}.{name}.signers", rule.signers, document)
    if require.provenance is not None:
        _check_level(f"{where}.provenance", require, document)
    if require.sbom is not None:
        _check_licenses(f"{where}.sbom.deny_licenses", require.sbom.deny_licenses)
    if require.vulnerabilities is not None:
        vulnerabilities = f"{where}.vulnerabilities"
        _check_age(f"{vulnerabilities}.max_age", require.vulnerabilities.max_age)
        vex = require.vulnerabilities.vex_signers
        _check_signers(f"{vulnerabilities}.vex_signers", vex, document, least=0)
    if require.checks is not None:
        _texts(f"{where}.checks.passed", require.checks.passed, least=1)


def _check_level(where: str, require: Require, document: Document) -> None:
    """Refuse a rule that no builder of the policy can meet."""
    rule = require.provenance
    if rule is None:
        return
    _in_range(f"{where}.min_level", rule.min_level, 0, 4)
    if rule.source is not None:
        _texts(f"{where}.source", (rule.source,))
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


def _check_host(host: Host) -> None:
    _in_range("host.platform_version", host.platform_version, 0)
    _texts("host.always", host.always)
    for name, version in host.interfaces.items():
        _texts("host.interfaces", (name,))
        if "@" in name or version != version.strip():
            raise invalid("host.interfaces", "has a version that is not its value", name)


def _check_deny(where: str, deny: Deny, document: Document) -> None:
    _texts(f"{where}.reason", (deny.reason,))
    targets = [name for name in _TARGETS if getattr(deny, name) is not None]
    if len(targets) != 1:
        raise invalid(where, "does not have one target", targets, f"one of {', '.join(_TARGETS)}")
    _texts(f"{where}.{targets[0]}", (getattr(deny, targets[0]),))
    if targets[0] in _DIGESTS:
        _check_digest(f"{where}.{targets[0]}", getattr(deny, targets[0]), "no digest")
    if deny.signer is not None and deny.signer not in document.signer:
        # a misspelt name would deny nobody
        _check_digest(f"{where}.signer", deny.signer, "neither a [signer.NAME] nor a key's digest")
    if deny.app is not None and not is_app_pattern(deny.app):
        raise invalid(f"{where}.app", "is no pattern", deny.app, "an app_id or prefix.*")
    if deny.codes is not None and (deny.app is None or codes(deny.codes) is None):
        raise invalid(f"{where}.codes", "is no range of an app", deny.codes, "3, 1..2, 4.. or ..2")


def _check_digest(where: str, text: str, otherwise: str) -> None:
    try:
        check_digest(text)
    except FormatError as error:
        raise invalid(where, f"is {otherwise}", text) from error


def _check_licenses(where: str, patterns: tuple[str, ...]) -> None:
    _unique(where, (pattern.lower() for pattern in patterns))
    for pattern in patterns:
        if not is_pattern(pattern):
            expected = "an SPDX identifier, with * for any characters"
            raise invalid(where, "has something that is no licence", pattern, expected)


def _check_signers(where: str, names: tuple[str, ...], document: Document, least: int = 1) -> None:
    _texts(where, names, least=least)
    for name in names:
        if name not in document.signer:
            raise invalid(where, "names a signer that is not there", name, "a [signer.NAME] table")


def _check_age(where: str, text: str) -> None:
    if seconds(text) is None:
        raise invalid(where, "is no age", text, "a number and d, h, m or s, such as 14d")


def _check_time(where: str, time: datetime) -> None:
    if time.utcoffset() != timedelta(0) or time.microsecond:
        raise invalid(where, "is no time in UTC", str(time), "YYYY-MM-DDTHH:MM:SSZ")


def _in_range(where: str, number: int, least: int, most: int = MAX_INTEGER) -> None:
    if not least <= number <= most:
        raise invalid(where, "is out of range", number, f"{least} to {most}")


def _texts(where: str, texts: tuple[str, ...], least: int = 0) -> None:
    """Refuse empty and repeated texts, and fewer than `least`."""
    if len(texts) < least:
        raise invalid(where, "is empty")
    if not all(text.strip() for text in texts):
        raise invalid(where, "has an empty text")
    _unique(where, texts)


def _unique(where: str, texts: Iterable[str]) -> None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise invalid(where, "has the same thing twice", text)
        seen.add(text)
