"""The policy's deny list: what is refused whatever speaks for it.

A denied package, wasm, version or toolchain refuses the package. A denied signer, scanner, builder
or dependency makes that piece of evidence count for nothing; the package is refused with the reason
if then something required is missing. So a stolen key can neither admit nor veto.
"""

from miniseal.formats.config import Config
from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.vulns import Vulns
from miniseal.verifier.evidence import URIS, Aside, Collected, Evidence
from miniseal.verifier.policy.model import Deny
from miniseal.verifier.policy.patterns import app_matches, codes
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.identity import matches
from miniseal.verifier.signatures.signatory import Signatory

__all__ = ["DENIED", "check_package", "denial", "sift", "toolchain_digests"]

DENIED = Code(
    "denied",
    VerificationError,
    meaning="the policy denies this package, or evidence that it needs",
    cause="the platform has revoked it; the message has the reason",
    remedy="install another version; ask the platform about the reason",
)


def check_package(policy: Policy, config: Config, package: str, wasm: tuple[str, ...]) -> None:
    """Refuse a denied package.

    Args:
        policy: with the deny list.
        config: of the package.
        package: digest of its manifest.
        wasm: digests of its modules, nested ones included.

    Raises:
        VerificationError: `denied`.
    """
    for entry in policy.document.deny:
        found = (
            (package if entry.package == package else None)
            or (entry.wasm if entry.wasm in wasm else None)
            or (entry.toolchain if entry.toolchain == config.toolchain.lock else None)
            or (_version(config) if _denies_version(entry, config) else None)
        )
        if found is not None:
            raise _denied(entry, found)


def sift(policy: Policy, collected: Collected) -> Collected:
    """The evidence without what is denied, which is set aside with its reason."""
    kept: list[Evidence[object]] = []
    aside = list(collected.aside)
    for evidence in collected.evidence:
        entry = next(
            (each for each in policy.document.deny if _denies(each, evidence, policy)), None
        )
        if entry is None:
            kept.append(evidence)
        else:
            kind = URIS[type(evidence.predicate)]
            error = _denied(entry, evidence.bundle)
            aside.append(Aside(bundle=evidence.bundle, predicate_type=kind, error=error))
    return Collected(evidence=tuple(kept), aside=tuple(aside))


def denial(policy: Policy, by: Signatory, bundle: str) -> MinisealError | None:
    """Why a bundle (by its digest) signed by `by` does not count whatever it says, or None."""
    entry = next((each for each in policy.document.deny if _denies_signer(each, by, policy)), None)
    return None if entry is None else _denied(entry, bundle)


def toolchain_digests(provenance: Provenance) -> tuple[str, ...]:
    """What went into the build, as digests: every resolved dependency that has a sha256."""
    digits = (each.digest.get("sha256") for each in provenance.dependencies)
    return tuple(f"sha256:{each}" for each in digits if each is not None)


def _denies(entry: Deny, evidence: Evidence[object], policy: Policy) -> bool:
    predicate = evidence.predicate
    if entry.signer is not None:
        return _denies_signer(entry, evidence.signatory, policy)
    if isinstance(predicate, Vulns):
        return entry.scanner is not None and entry.scanner == predicate.scanner_digest
    if isinstance(predicate, Provenance):
        by_builder = entry.builder is not None and entry.builder == predicate.builder_id
        return by_builder or entry.toolchain in toolchain_digests(predicate)
    return False


def _denies_signer(entry: Deny, by: Signatory, policy: Policy) -> bool:
    """Somebody counts as denied under every name that they have."""
    if entry.signer is None:
        return False
    keys = (each.digest for each in policy.keys.get(entry.signer, ()))
    if by.id in {entry.signer, *keys}:
        return True
    named = policy.document.signer.get(entry.signer)
    return named is not None and by.certificate is not None and matches(named, by.certificate)


def _denies_version(entry: Deny, config: Config) -> bool:
    if entry.app is None or not app_matches(entry.app, config.manifest.app_id):
        return False
    lowest, highest = codes(entry.codes) or (0, 0) if entry.codes is not None else (0, None)
    code = config.manifest.version_code
    return lowest <= code and (highest is None or code <= highest)


def _version(config: Config) -> str:
    return f"{config.manifest.app_id} {config.manifest.version_code}"


def _denied(entry: Deny, found: str) -> MinisealError:
    return DENIED(f"denied by the policy: {entry.reason}", found=found)
