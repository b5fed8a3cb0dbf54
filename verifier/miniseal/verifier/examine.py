"""One verification: from a reference in a store to a verdict, without any state.

Cheap refusals come first: the policy's end, the namespace, manifest and config. Then evidence, and
content last: wasm and assets, which are large and parsed at length, are not even fetched before
somebody whom the policy names has signed for their digests. What a host's state adds (versions seen
before, the policy's serial, the clock) is `host.admit`'s business.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.verifier.checks.deny import check_package, sift
from miniseal.verifier.checks.freshness import check_policy, expiry
from miniseal.verifier.checks.host import check_host
from miniseal.verifier.checks.permissions import check_permissions
from miniseal.verifier.checks.require import check_required
from miniseal.verifier.checks.subject import check_app, check_tag
from miniseal.verifier.checks.version import check_minimum
from miniseal.verifier.collect import Keyring, collect
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.fetch import Content, Fetched, fetch, fetch_content
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.source import Source
from miniseal.verifier.verdict import Verdict, Verified
from miniseal.verifier.vex import Identity

__all__ = ["VERIFICATION_FAILED", "Examined", "examine", "refusing", "verify"]

VERIFICATION_FAILED = Code(
    "verification-failed",
    VerificationError,
    meaning="a verification could not be brought to an end, so nothing was admitted",
    cause="the store failed in a way that it does not describe, or Miniseal has a mistake",
    remedy="see the cause that the message names; report it if it is not the store's",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A verdict, with what it is about.

    Attributes:
        verdict: yes.
        fetched: manifest and config.
        content: the layers.
        evidence: everything that was verified and is not denied.
    """

    verdict: Verdict
    fetched: Fetched
    content: Content
    evidence: tuple[Evidence[object], ...]


def verify(app_id: str, source: Source, reference: str, policy: Policy, *, now: float) -> Verdict:
    """Check a package as a host would that has never seen it.

    Args:
        app_id: the program that is expected.
        source: one repository, not trusted.
        reference: a tag (which has to be the version.name) or a digest.
        policy: what is demanded.
        now: seconds since 1970.

    Raises:
        VerificationError: every refusal, by its code.
        FormatError: content that does not follow its format.
        EnvironmentalError: the source's own errors.
    """
    with refusing():
        return examine(app_id, source, reference, policy, int(now)).verdict


@contextmanager
def refusing() -> Generator[None]:
    """Let no exception out that is not ours; what nobody expected is a refusal.

    Raises:
        VerificationError: `verification-failed`.
    """
    try:
        yield
    except MinisealError:
        raise
    except Exception as error:
        raise VERIFICATION_FAILED(
            "the verification did not come to an end",
            found=f"{type(error).__name__}: {error}"[:300],
        ) from error


def examine(app_id: str, source: Source, reference: str, policy: Policy, now: int) -> Examined:
    """As `verify`, and return what was looked at as well."""
    check_policy(policy, now)
    namespace = policy.namespace(app_id)
    fetched = fetch(source, reference)
    config, package = fetched.config, fetched.descriptor
    check_app(app_id, config)
    check_tag(fetched.tag, config)
    check_minimum(namespace, config)
    wasm = config.wasm.digest
    check_package(policy, config, package.digest, (wasm,))
    collected = sift(policy, collect(source, package, Keyring(policy, namespace), now))
    identity = Identity.of(config, package.digest)
    relied = check_required(namespace, collected, policy, identity=identity, wasm=wasm, now=now)
    content = fetch_content(source, fetched)
    check_package(policy, config, package.digest, content.wasm_digests())
    grants = check_permissions(policy, namespace, config, content.parts)
    check_host(policy.document.host, config, grants.interfaces)
    verdict = Verdict(
        config=config,
        package=package,
        namespace=namespace.apps,
        grants=grants,
        evidence=tuple(map(Verified.of, collected.evidence)),
        suppressed=relied.suppressed,
        policy_serial=policy.serial,
        policy_digest=policy.digest,
        verified_at=now,
        ends_at=expiry(policy, relied.evidence, relied.ends, now),
    )
    return Examined(verdict=verdict, fetched=fetched, content=content, evidence=collected.evidence)
