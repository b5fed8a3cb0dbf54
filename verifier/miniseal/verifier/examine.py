"""One verification: from a reference in a store to a verdict, without any state.

`core` decides; here is fetched what it asks for next, in an order in which a package that is
refused costs little: wasm and assets, which are large and parsed at length, are not even fetched
before somebody whom the policy names has signed for their digests. What a host's state adds
(versions seen before, the policy's serial, the clock) is `host.admit`'s business.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from miniseal.formats.errors import Code, MinisealError, VerificationError
from miniseal.verifier.budget import Budget
from miniseal.verifier.bundles import bundles
from miniseal.verifier.checks.freshness import check_policy
from miniseal.verifier.checks.require import Case, check_required
from miniseal.verifier.contents import Content, Fetched
from miniseal.verifier.core import Asked, Trusting, conclude, hear
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.fetch import fetch, fetch_content
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.source import Source
from miniseal.verifier.verdict import Verdict

__all__ = ["VERIFICATION_FAILED", "Examined", "ask", "examine", "gather", "refusing", "verify"]

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


def verify(
    app_id: str,
    source: Source,
    reference: str,
    policy: Policy,
    *,
    now: float,
    material: bytes | None = None,
) -> Verdict:
    """Check a package as a host would that has never seen it.

    Args:
        app_id: the program that is expected.
        source: one repository, not trusted.
        reference: a tag (which has to be the version.name) or a digest.
        policy: what is demanded.
        now: seconds since 1970.
        material: what `miniseal refresh` brought, where the policy has its trusted root from a TUF
            repository.

    Raises:
        VerificationError: every refusal, by its code.
        FormatError: content that does not follow its format.
        EnvironmentalError: the source's own errors.
    """
    with refusing():
        trusting = Trusting(policy=policy, now=int(now), material=material)
        return examine(app_id, source, reference, trusting).verdict


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


def examine(app_id: str, source: Source, reference: str, trusting: Trusting) -> Examined:
    """As `verify`, and return what was looked at as well."""
    asked = ask(app_id, source, reference, trusting)
    case = gather(asked, source)
    relied = check_required(case)
    content = fetch_content(source, asked.fetched)
    return Examined(
        verdict=conclude(asked, case, relied, content),
        fetched=asked.fetched,
        content=content,
        evidence=case.collected.evidence,
    )


def ask(app_id: str, source: Source, reference: str, trusting: Trusting) -> Asked:
    """Resolve a reference, and check manifest and config; a policy past its end fetches nothing."""
    check_policy(trusting.policy, trusting.now)
    trusting.policy.namespace(app_id)
    return Asked.of(app_id, fetch(source, reference), trusting)


def gather(asked: Asked, source: Source) -> Case:
    """The evidence that the source has on the package."""
    budget = Budget()
    wanted = asked.keyring.predicate_types
    return hear(asked, bundles(source, asked.fetched.descriptor, wanted, budget), budget)
