"""The decision about a package: a pure function of bytes, policy, trust and time.

Three stages, the cheapest refusals first, so that whoever fetches need not fetch what would be
refused anyway: `Asked` looks at manifest and config, `hear` at the attached bundles, `conclude` at
wasm and assets. `decide` is all three over bytes that are there already; `examine` fetches between
them. No file is read, no clock asked and nothing kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from miniseal.verifier.budget import Budget
from miniseal.verifier.checks.deny import check_package, sift
from miniseal.verifier.checks.freshness import check_policy, expiry
from miniseal.verifier.checks.host import check_host
from miniseal.verifier.checks.permissions import check_permissions
from miniseal.verifier.checks.require import Case, Relied, check_required
from miniseal.verifier.checks.subject import check_app, check_tag
from miniseal.verifier.checks.version import check_minimum
from miniseal.verifier.collect import collect
from miniseal.verifier.contents import Content, Fetched
from miniseal.verifier.host.record import Grants
from miniseal.verifier.keyring import Keyring
from miniseal.verifier.policy.model import Namespace
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.trust import TrustedRoot, of_policy
from miniseal.verifier.verdict import Verdict, Verified

__all__ = ["Asked", "PackageBytes", "Trusting", "conclude", "decide", "grant", "hear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusting:
    """What a decision is made by.

    Attributes:
        policy: what is demanded.
        now: seconds since 1970.
        material: what `miniseal refresh` brought, for a policy that has its trusted root from a TUF
            repository; else None.
    """

    policy: Policy
    now: int
    material: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageBytes:
    """A package as it was published.

    Attributes:
        manifest: of the package.
        config: that the manifest names.
        wasm: the first layer.
        assets: the second layer, or None.
    """

    manifest: bytes
    config: bytes
    wasm: bytes
    assets: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A package that is not refused for what its manifest and config say.

    Attributes:
        fetched: manifest and config.
        trusting: what it is judged by.
        namespace: of the policy, that applies.
        keyring: who may say what about it.
        trust: what keyless signatures are verified with; None where nobody signs keyless.
    """

    fetched: Fetched
    trusting: Trusting
    namespace: Namespace
    keyring: Keyring
    trust: TrustedRoot | None

    @classmethod
    def of(cls, app_id: str, fetched: Fetched, trusting: Trusting) -> "Asked":
        """Check what can be checked without any evidence.

        Raises:
            VerificationError: `namespace-unknown`, `app-mismatch`, `tag-mismatch`,
                `version-too-low`, `denied`, and what trust material is refused for.
        """
        policy, config = trusting.policy, fetched.config
        check_policy(policy, trusting.now)
        namespace = policy.namespace(app_id)
        check_app(app_id, config)
        check_tag(fetched.tag, config)
        check_minimum(namespace, config)
        check_package(policy, config, fetched.descriptor.digest, (config.wasm.digest,))
        keyring = Keyring(policy, namespace)
        trust = None
        if keyring.keyless:
            trust = of_policy(policy, trusting.material, trusting.now)
        return cls(
            fetched=fetched, trusting=trusting, namespace=namespace, keyring=keyring, trust=trust
        )


def decide(
    app_id: str,
    package: PackageBytes,
    bundles: Iterable[bytes],
    trusting: Trusting,
    *,
    tag: str | None = None,
) -> Verdict:
    """Whether the package may be admitted as `app_id`, with what the bundles say about it.

    Args:
        app_id: the program that is expected.
        package: as it was published.
        bundles: Sigstore bundles, in any order; strangers' do not matter.
        trusting: policy, time and trust material.
        tag: under which the package was found, which has to be its version.name; or None.

    Raises:
        VerificationError: every refusal, by its code.
        FormatError: content that does not follow its format.
    """
    fetched = Fetched.of(package.manifest, package.config, tag=tag)
    asked = Asked.of(app_id, fetched, trusting)
    case = hear(asked, bundles)
    relied = check_required(case)
    return conclude(asked, case, relied, Content.of(fetched, package.wasm, package.assets))


def hear(asked: Asked, bundles: Iterable[bytes], budget: Budget | None = None) -> Case:
    """Verify the bundles, and keep what is not denied.

    Raises:
        VerificationError: `evidence-limit`, `evidence-from-future`.
        FormatError: `predicate-malformed`, for an authorised statement that cannot be read.
    """
    policy, now = asked.trusting.policy, asked.trusting.now
    collected = collect(
        bundles,
        asked.fetched.descriptor.digest,
        policy,
        asked.keyring,
        now=now,
        trust=asked.trust,
        budget=budget,
    )
    return Case(
        fetched=asked.fetched,
        collected=sift(policy, collected),
        policy=policy,
        namespace=asked.namespace,
        now=now,
    )


def grant(asked: Asked, content: Content) -> Grants:
    """What the host may give to the program, by what is in it.

    Raises:
        VerificationError: `denied`, `permission-denied`, `limits-exceeded`, `executable-asset`,
            `host-incompatible`.
    """
    policy, config = asked.trusting.policy, asked.fetched.config
    check_package(policy, config, asked.fetched.descriptor.digest, content.wasm_digests())
    grants = check_permissions(policy, asked.namespace, config, content.parts)
    check_host(policy.document.host, config, grants.interfaces)
    return grants


def conclude(asked: Asked, case: Case, relied: Relied, content: Content) -> Verdict:
    """The verdict on a package whose evidence is good, by what is in it.

    Raises:
        VerificationError: as `grant`.
    """
    policy, now = asked.trusting.policy, asked.trusting.now
    grants = grant(asked, content)
    trust_ends = () if asked.trust is None or asked.trust.ends is None else (asked.trust.ends,)
    return Verdict(
        config=asked.fetched.config,
        package=asked.fetched.descriptor,
        namespace=asked.namespace.apps,
        grants=grants,
        evidence=tuple(map(Verified.of, case.collected.evidence)),
        suppressed=relied.suppressed,
        policy_serial=policy.serial,
        policy_digest=policy.digest,
        trust_digest=None if asked.trust is None else asked.trust.digest,
        verified_at=now,
        ends_at=expiry(policy, relied.evidence, (*relied.ends, *trust_ends), now),
    )
