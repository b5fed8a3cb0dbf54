"""What the members of a policy have to mean together, checked when it is read.

A policy that demands nothing, names somebody unknown or can never be met is refused here, so that
no check has to think about it. No file is read and no signature is looked at. Signers and trust are
in `signers`, a namespace's demands in `require`, and what needs the keys in `independence`.
"""

from miniseal.verifier.policy.model import Builder, Deny, Document, Host, Namespace
from miniseal.verifier.policy.patterns import codes, is_app_pattern, is_host_pattern
from miniseal.verifier.policy.require import check_require
from miniseal.verifier.policy.signers import check_signer, check_trust
from miniseal.verifier.policy.values import (
    check_age,
    check_digests,
    check_range,
    check_signers,
    check_texts,
    check_time,
    check_unique,
    invalid,
)

__all__ = ["check_document"]

_TARGETS = ("package", "wasm", "app", "signer", "scanner", "toolchain", "builder")
_DIGESTS = ("package", "wasm", "scanner", "toolchain")


def check_document(document: Document) -> None:
    """Check everything that a policy says by itself.

    Raises:
        UsageError: `policy-invalid`, with the member's path.
    """
    check_range("version", document.version, 1, 1)
    check_range("serial", document.serial, 1)
    check_time("expires", document.expires)
    check_age("max_admission_age", document.max_admission_age)
    for name, signer in document.signer.items():
        check_signer(f"signer.{name}", signer, document)
    if document.trust is not None:
        check_trust(document.trust)
    check_unique("builder", (builder.id for builder in document.builder))
    for index, builder in enumerate(document.builder):
        _check_builder(f"builder[{index}]", builder, document)
    if not document.namespace:
        raise invalid("namespace", "is empty: nothing could ever be admitted")
    check_unique("namespace", (namespace.apps for namespace in document.namespace))
    for index, namespace in enumerate(document.namespace):
        _check_namespace(f"namespace[{index}]", namespace, document)
    for name, permission in document.permission.items():
        check_texts(f"permission.{name}.interfaces", permission.interfaces)
    _check_host(document.host)
    for index, deny in enumerate(document.deny):
        _check_deny(f"deny[{index}]", deny, document)


def _check_builder(where: str, builder: Builder, document: Document) -> None:
    check_texts(f"{where}.id", (builder.id,))
    check_signers(f"{where}.signers", builder.signers, document)
    check_range(f"{where}.level", builder.level, 0, 4)


def _check_namespace(where: str, namespace: Namespace, document: Document) -> None:
    if not is_app_pattern(namespace.apps):
        raise invalid(f"{where}.apps", "is no pattern", namespace.apps, "an app_id or prefix.*")
    check_signers(f"{where}.publishers", namespace.publishers, document)
    check_texts(f"{where}.permissions", namespace.permissions)
    for host in namespace.network_hosts:
        if not is_host_pattern(host):
            raise invalid(f"{where}.network_hosts", "has no host", host, "a name or *.domain")
    if namespace.limits is not None:
        limits = namespace.limits
        for name in ("memory_mib", "fuel", "wall_ms"):
            check_range(f"{where}.limits.{name}", getattr(limits, name), 1)
    check_range(f"{where}.min_version_code", namespace.min_version_code, 1)
    check_require(f"{where}.require", namespace, document)


def _check_host(host: Host) -> None:
    check_range("host.platform_version", host.platform_version, 0)
    check_texts("host.always", host.always)
    for name, version in host.interfaces.items():
        check_texts("host.interfaces", (name,))
        if "@" in name or version != version.strip():
            raise invalid("host.interfaces", "has a version that is not its value", name)


def _check_deny(where: str, deny: Deny, document: Document) -> None:
    check_texts(f"{where}.reason", (deny.reason,))
    targets = [name for name in _TARGETS if getattr(deny, name) is not None]
    if len(targets) != 1:
        raise invalid(where, "does not have one target", targets, f"one of {', '.join(_TARGETS)}")
    check_texts(f"{where}.{targets[0]}", (getattr(deny, targets[0]),))
    if targets[0] in _DIGESTS:
        check_digests(f"{where}.{targets[0]}", (getattr(deny, targets[0]),))
    if deny.signer is not None and deny.signer not in document.signer:
        # a misspelt name would deny nobody
        otherwise = "neither a [signer.NAME] nor a digest"
        check_digests(f"{where}.signer", (deny.signer,), otherwise)
    if deny.app is not None and not is_app_pattern(deny.app):
        raise invalid(f"{where}.app", "is no pattern", deny.app, "an app_id or prefix.*")
    if deny.codes is not None and (deny.app is None or codes(deny.codes) is None):
        raise invalid(f"{where}.codes", "is no range of an app", deny.codes, "3, 1..2, 4.. or ..2")
