"""gate: are the facts good enough to be signed? Thresholds are the verifier's own functions.

There are bars: the project's own `[scan]`, and what a policy demands of the program. Each has to be
met by itself. What a project says about its own vulnerabilities (`[scan] vex`) counts for its own
bar, and for a policy's where the policy lets the release's signer say it. A gate that says no ends
the release before anything is signed or pushed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from miniseal.attestations import KeyIdentity, Signer
from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.vulns import Vulns
from miniseal.packager import Project
from miniseal.pipeline.trivy.scan import Scan
from miniseal.verifier import Policy
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.identity import matches
from miniseal.verifier.thresholds import check_licenses, check_severity, rank
from miniseal.verifier.vex import Identity, Said, Suppressed, Vex, weigh

__all__ = [
    "MISCONFIGURATION_FOUND",
    "SECRET_FOUND",
    "Bar",
    "Checks",
    "Gated",
    "bars_of",
    "gate",
]

SECRET_FOUND = Code(
    "secret-found",
    VerificationError,
    meaning="the scan found what looks like a secret in the source or in the package",
    cause="a token or a private key was left in a file or compiled into the wasm",
    remedy="revoke the secret, then remove it from the source",
)
MISCONFIGURATION_FOUND = Code(
    "misconfiguration-found",
    VerificationError,
    meaning="the scan found a setting in a configuration file that weakens whatever uses it",
    cause="a Dockerfile, a deployment or a cloud template with a well-known mistake",
    remedy="correct the file that the message names, or raise [scan] fail_on_misconfiguration",
)

_OWN = "the project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What somebody demands of a release's facts.

    Attributes:
        fail_on: the mildest severity of a vulnerability that fails, or None for no demand.
        ignore_unfixed: whether vulnerabilities pass that nothing else would mend.
        denied_licenses: patterns (`miniseal.formats.licenses`).
        fail_on_misconfiguration: the mildest severity that fails, or None for no demand.
        own_vex: whether the project's own VEX documents are heard.
    """

    fail_on: str | None
    ignore_unfixed: bool = False
    denied_licenses: tuple[str, ...] = ()
    fail_on_misconfiguration: str | None = None
    own_vex: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The names of checks by how they went."""

    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the gate let through.

    Attributes:
        checks: the pipeline's, all of them passed or warned about.
        suppressed: findings that some bar did not count, each once.
    """

    checks: Checks
    suppressed: tuple[Suppressed, ...] = ()


def bars_of(project: Project, policy: Policy, signer: Signer) -> tuple[Bar, ...]:
    """The project's bar, then the one of the policy's namespace for it.

    Args:
        project: with its `[scan]`.
        policy: that the release will be verified by.
        signer: of the release.

    Raises:
        VerificationError: `namespace-unknown`.
    """
    scan, require = project.settings.scan, policy.namespace(project.manifest.app_id).require
    own = Bar(
        fail_on=scan.fail_on,
        ignore_unfixed=scan.ignore_unfixed,
        denied_licenses=scan.deny_licenses,
        fail_on_misconfiguration=scan.fail_on_misconfiguration,
        own_vex=True,
    )
    rule = require.vulnerabilities
    return own, Bar(
        fail_on=rule.fail_on if rule else None,
        ignore_unfixed=rule.ignore_unfixed if rule else False,
        denied_licenses=require.sbom.deny_licenses if require.sbom else (),
        own_vex=_hears(policy, rule.vex_signers if rule else (), signer),
    )


def gate(
    *,
    identity: Identity,
    vulns: Vulns,
    scans: Mapping[str, Scan],
    bars: Sequence[Bar],
    vex: Sequence[Document],
    rebuilt: bool,
    now: int,
) -> Gated:
    """The pipeline's checks, all of them passed or warned about.

    Args:
        identity: of the package, which VEX documents may name.
        vulns: of source, package and bill together.
        scans: the same by place, for what the predicate has no room for.
        bars: every one has to be met.
        vex: the project's own documents.
        rebuilt: whether a second build gave the same bytes; False where nothing is built here.
        now: seconds since 1970.

    Raises:
        VerificationError: `secret-found`, `vulnerability-threshold`, `license-denied`,
            `misconfiguration-found`.
    """
    _check_secrets(scans)
    suppressed: dict[Suppressed, None] = {}
    for bar in bars:
        if bar.fail_on is not None:
            heard = _vex(vex if bar.own_vex else (), identity, now)
            counted, others = weigh(
                vulns, heard, fail_on=bar.fail_on, ignore_unfixed=bar.ignore_unfixed
            )
            check_severity(counted, bar.fail_on)
            suppressed.update(dict.fromkeys(others))
        check_licenses(_parts(scans), bar.denied_licenses)
        if bar.fail_on_misconfiguration is not None:
            _check_configuration(scans, bar.fail_on_misconfiguration)
    held = {"rebuild": rebuilt, "licenses": any(bar.denied_licenses for bar in bars)}
    warned = tuple(sorted(name for name, looked in held.items() if not looked))
    names = {"coverage", "misconfiguration", "secrets", *held}.difference(warned)
    return Gated(
        checks=Checks(passed=tuple(sorted(names)), warned=warned), suppressed=tuple(suppressed)
    )


def _hears(policy: Policy, signers: Sequence[str], signer: Signer) -> bool:
    """Whether the policy believes VEX by this signer alone."""
    if not signers:
        return False  # without asking a keyless signer who it is
    identity = signer.identity
    if isinstance(identity, KeyIdentity):
        return any(
            key.hint == identity.hint and policy.document.signer[name].threshold == 1
            for name in signers
            for key in policy.keys.get(name, ())
        )
    named = CertificateIdentity.from_der(identity.certificate)
    return any(matches(policy.document.signer[name], named) for name in signers)


def _vex(documents: Sequence[Document], identity: Identity, now: int) -> Vex:
    said = [Said(document=each, signers=frozenset({_OWN})) for each in documents]
    return Vex.of(said, identity, thresholds={_OWN: 1}, now=now)


def _check_secrets(scans: Mapping[str, Scan]) -> None:
    found = [(place, secret) for place, scan in scans.items() for secret in scan.secrets]
    if found:
        place, first = found[0]
        raise SECRET_FOUND(
            f"{len(found)} possible secrets",
            found=f"{first.rule} in {place}:{first.target} line {first.line}",
            expected="none",
        )


def _parts(scans: Mapping[str, Scan]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What was found in a file. The bill only repeats it, and lists tools that are not shipped."""
    for place, scan in scans.items():
        for each in scan.licenses:
            if each.target:
                yield each.package or f"{place}:{each.target}", (each.name,)


def _check_configuration(scans: Mapping[str, Scan], fail_on: str) -> None:
    bad = [
        (rank(each.severity), place, each)
        for place, scan in scans.items()
        for each in scan.misconfigurations
        if rank(each.severity) >= rank(fail_on)
    ]
    if bad:
        _, place, worst = max(bad, key=lambda each: each[0])
        raise MISCONFIGURATION_FOUND(
            f"{len(bad)} settings reach the threshold",
            found=f"{worst.id} ({worst.severity}) in {place}:{worst.target}: {worst.title}"[:300],
            expected=f"nothing {fail_on} or worse",
        )
