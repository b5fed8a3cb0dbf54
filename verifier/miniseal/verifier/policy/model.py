"""The members of `policy.toml` as frozen dataclasses, which pydantic validates.

One class per table, with the names of FORMATS section 5. Only kinds of values are fixed here: what
the members mean together is checked in `rules`, and files are read in `policy`. Every class forbids
members that it does not know: a rule that this version cannot check must not look as if it were.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

__all__ = [
    "Builder",
    "Capabilities",
    "Checks",
    "Deny",
    "Document",
    "Host",
    "KeyFile",
    "Layout",
    "Limits",
    "Namespace",
    "Permission",
    "Provenance",
    "Rebuilders",
    "Require",
    "Sbom",
    "Signer",
    "SummaryVerifier",
    "Trust",
    "Tuf",
    "Verification",
    "Vulnerabilities",
]

_STRICT: dict[str, object] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A public key of a signer.

    Attributes:
        file: PEM, P-256 or Ed25519; a path relative to the policy, below its folder.
        not_after: from then on the key verifies nothing, also not what it signed before.
    """

    __pydantic_config__: ClassVar = _STRICT

    file: str
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """`[signer.NAME]`: who, by keys or by what a Sigstore certificate says, never both.

    Patterns have `*` for any characters, also none, and match in full.

    Attributes:
        keys: distinct.
        threshold: how many distinct keys have to say the same kind of thing, one bundle each.
        issuer: the OIDC issuer that the certificate names, exactly.
        identity: the certificate's subject alternative name, exactly.
        identity_pattern: or as a pattern.
        source_repository_id: of the repository that the workflow ran for, exactly. The subject
            alternative name is the called workflow's, so any caller of it would pass without this.
        source_owner_id: of that repository's owner, exactly.
        source_ref: that the workflow ran for, a pattern.
        runner_environment: `github-hosted` or `self-hosted`, exactly.
        build_trigger: the event that started the workflow, exactly.
    """

    __pydantic_config__: ClassVar = _STRICT

    keys: tuple[KeyFile, ...] = ()
    threshold: int = 1
    issuer: str | None = None
    identity: str | None = None
    identity_pattern: str | None = None
    source_repository_id: str | None = None
    source_owner_id: str | None = None
    source_ref: str | None = None
    runner_environment: str | None = None
    build_trigger: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuf:
    """`[trust.tuf]`: a TUF repository that has the trusted root.

    Attributes:
        url: where its metadata are; targets are below `targets/`.
        root: its first root metadata, a file below the policy's folder: what all else hangs on.
        target: the trusted root's path among the targets.
    """

    __pydantic_config__: ClassVar = _STRICT

    url: str
    root: str
    target: str = "trusted_root.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """`[trust]`: what keyless signatures are verified with, a file or a TUF repository.

    Attributes:
        trusted_root: a file of the Sigstore trusted root, below the policy's folder.
        tuf: or the repository that `miniseal refresh` brings it from.
        max_age: the longest time since the last refresh; with `tuf` alone, and mandatory there.
    """

    __pydantic_config__: ClassVar = _STRICT

    trusted_root: str | None = None
    tuf: Tuf | None = None
    max_age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """`[[builder]]`: a builder that provenance may name.

    Attributes:
        id: `runDetails.builder.id`, exactly.
        signers: who signs for that builder.
        level: the SLSA Build level that the policy's author knows it to have, 0 to 4.
    """

    __pydantic_config__: ClassVar = _STRICT

    id: str
    signers: tuple[str, ...]
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings for what a program may ask for; the defaults hold where a namespace has none.

    Attributes:
        memory_mib: linear memory, MiB.
        fuel: wasmtime's unit, per call.
        wall_ms: milliseconds, per call.
    """

    __pydantic_config__: ClassVar = _STRICT

    memory_mib: int = 64
    fuel: int = 1_000_000_000
    wall_ms: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`require.provenance`.

    Attributes:
        signers: one of them, with a builder that is theirs.
        min_level: of that builder.
        source: the URI that the source has to have been taken from, exactly, or None.
        ref: the ref that the source has to have been at, a pattern, or None.
        max_age: since the build ended.
    """

    __pydantic_config__: ClassVar = _STRICT

    signers: tuple[str, ...]
    min_level: int = 1
    source: str | None = None
    ref: str | None = None
    max_age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sbom:
    """`require.sbom`: one by one of these signers that describes the package's wasm.

    Attributes:
        signers: who may list the parts.
        deny_licenses: SPDX identifiers, or patterns such as `GPL-*`, that no part may be under.
        unknown_licenses: what becomes of a part without a known licence.
        max_age: since it was signed, by a verified time, which only keyless signatures have.
    """

    __pydantic_config__: ClassVar = _STRICT

    signers: tuple[str, ...]
    max_age: str | None = None
    deny_licenses: tuple[str, ...] = ()
    unknown_licenses: Literal["allow", "refuse"] = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerabilities:
    """`require.vulnerabilities`: the latest scan by one of these signers decides.

    Attributes:
        signers: who may scan.
        max_age: of scan and database, for example `14d`.
        fail_on: the mildest severity that refuses; what is unknown counts as critical.
        ignore_unfixed: whether findings are let pass that no other version of the package mends.
        vex_signers: whose VEX documents suppress findings; a publisher's only if it is named.
    """

    __pydantic_config__: ClassVar = _STRICT

    signers: tuple[str, ...]
    max_age: str
    fail_on: Literal["low", "medium", "high", "critical"]
    ignore_unfixed: bool = False
    vex_signers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """`require.checks`: test results.

    Attributes:
        signers: who may say.
        passed: every one of these has to be said to have passed, and nothing to have failed.
        max_age: since it was signed, by a verified time, which only keyless signatures have.
    """

    __pydantic_config__: ClassVar = _STRICT

    signers: tuple[str, ...]
    passed: tuple[str, ...]
    max_age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """`require.capabilities`: one SCAI report by one of these signers.

    Attributes:
        signers: who may report.
        max_age: since it was signed, by a verified time, which only keyless signatures have.
    """

    __pydantic_config__: ClassVar = _STRICT

    signers: tuple[str, ...]
    max_age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilders:
    """`require.rebuilders`: others who built the same package digest from source.

    Attributes:
        signers: who may have rebuilt; no publisher of the namespace.
        agree: how many of them, with distinct builder ids, have to have got the same package.
    """

    __pydantic_config__: ClassVar = _STRICT

    signers: tuple[str, ...]
    agree: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryVerifier:
    """Who may sum up a verification, and as which verifier.

    Attributes:
        signer: by name; no publisher of the namespace.
        id: `verifier.id`, exactly.
    """

    __pydantic_config__: ClassVar = _STRICT

    signer: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`require.verification`: the latest verification summary by one of these verifiers.

    Attributes:
        verifiers: pairs of signer and verifier's id.
        max_age: since the verification.
        levels: each has to be among the summary's verified levels.
        policies: digests of policies, one of which has to have been verified by; empty for any.
    """

    __pydantic_config__: ClassVar = _STRICT

    verifiers: tuple[SummaryVerifier, ...]
    max_age: str
    levels: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """`require.layout`: an in-toto layout, over the links of those who ran its steps.

    Attributes:
        file: the signed layout, below the policy's folder.
        signers: one of whom has to have signed the layout.
        functionaries: the layout's key ids, each with the name of the signer that it stands for.
    """

    __pydantic_config__: ClassVar = _STRICT

    file: str
    signers: tuple[str, ...]
    functionaries: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Require:
    """`[namespace.require.*]`: the evidence that has to be there; at least one of them."""

    __pydantic_config__: ClassVar = _STRICT

    provenance: Provenance | None = None
    sbom: Sbom | None = None
    vulnerabilities: Vulnerabilities | None = None
    checks: Checks | None = None
    capabilities: Capabilities | None = None
    rebuilders: Rebuilders | None = None
    verification: Verification | None = None
    layout: Layout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """`[[namespace]]`: the rules for some programs.

    Attributes:
        apps: an app_id or `prefix.*`; of several that match, the most specific alone applies.
        publishers: signers, one of whom has to have signed provenance or a cosign signature.
        require: what evidence is needed.
        permissions: names that a program may ask for.
        network_hosts: host names, or `*.domain` for every name below it.
        limits: ceilings; None for the built-in ones.
        executable_assets: kinds of assets that a host could execute and that are allowed.
        min_version_code: the lowest version code that is admitted.
    """

    __pydantic_config__: ClassVar = _STRICT

    apps: str
    publishers: tuple[str, ...]
    require: Require
    permissions: tuple[str, ...] = ()
    network_hosts: tuple[str, ...] = ()
    limits: Limits | None = None
    executable_assets: tuple[Literal["script", "html", "wasm"], ...] = ()
    min_version_code: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """`[permission.NAME]`: the only authority on what a permission opens.

    Attributes:
        interfaces: import keys; a version may be cut (`@1` stands for every `@1.y.z`).
    """

    __pydantic_config__: ClassVar = _STRICT

    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """`[host]`: what this host is and offers.

    Attributes:
        platform_version: has to reach a program's `platform_version.min_code`.
        always: import keys that are open, and offered, to every program.
        interfaces: import key without its version, to the version that the host implements; an
            empty text for what has no versions.
    """

    __pydantic_config__: ClassVar = _STRICT

    platform_version: int
    always: tuple[str, ...] = ()
    interfaces: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """`[[deny]]`: exactly one target, and a reason.

    Attributes:
        reason: for the log and the user.
        package: a package manifest's digest.
        wasm: digest of a main or nested wasm.
        app: an app_id or `prefix.*`.
        codes: version codes of `app`: `3`, `1..2`, `4..`, `..2`; None for all.
        signer: the name of a signer in this policy, or the digest of a public key: what it signed
            does not count.
        scanner: digest of a scanner: its scans do not count.
        toolchain: digest of a toolchain's lock, or of a dependency that provenance names.
        builder: a builder's id: its provenance does not count.
    """

    __pydantic_config__: ClassVar = _STRICT

    reason: str
    package: str | None = None
    wasm: str | None = None
    app: str | None = None
    codes: str | None = None
    signer: str | None = None
    scanner: str | None = None
    toolchain: str | None = None
    builder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole of `policy.toml`.

    Attributes:
        version: of this format, 1.
        serial: rises with every change of the policy or of a file that it names.
        expires: from then on nothing is admitted or loaded.
        max_admission_age: the longest that an admission lasts, for example `30d`.
        signer: by name.
        builder: unique ids.
        namespace: unique patterns.
        permission: by name.
        host: the host that the policy is for.
        trust: what keyless signatures are verified with; None where there are no keyless signers.
        deny: what is refused whatever speaks for it.
    """

    __pydantic_config__: ClassVar = _STRICT

    version: int
    serial: int
    expires: datetime
    max_admission_age: str
    signer: dict[str, Signer]
    namespace: tuple[Namespace, ...]
    host: Host
    trust: Trust | None = None
    builder: tuple[Builder, ...] = ()
    permission: dict[str, Permission] = field(default_factory=dict[str, Permission])
    deny: tuple[Deny, ...] = ()
