"""A verification said aloud: its summary signed, and attached to the package.

The verification is the verifier's own; nothing is decided here but whether a refusal is the
package's fault. Whose summaries count is the policy's of whoever reads them.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from miniseal.attestations import Signer
from miniseal.formats.config import Config
from miniseal.formats.digest import DIGEST_MISMATCH
from miniseal.formats.errors import Code, FormatError, MinisealError, UsageError, VerificationError
from miniseal.formats.predicates.vsa import PREDICATE_TYPE
from miniseal.pipeline.attest import Attested, attest
from miniseal.registry import Store
from miniseal.verifier import Policy
from miniseal.verifier.budget import EVIDENCE_LIMIT
from miniseal.verifier.checks.freshness import POLICY_EXPIRED
from miniseal.verifier.checks.subject import APP_MISMATCH
from miniseal.verifier.examine import VERIFICATION_FAILED, Examined
from miniseal.verifier.fetch import fetch
from miniseal.verifier.policy.policy import NAMESPACE_UNKNOWN
from miniseal.verifier.summary import failed, passed

__all__ = ["REFUSAL_BY_TAG", "Sayer", "blames_package"]

REFUSAL_BY_TAG = Code(
    "refusal-by-tag",
    UsageError,
    meaning="a refusal is to be signed of a package that is named by a tag",
    cause="a tag may name another package in the next moment, which nobody has verified",
    remedy="name the package by its digest",
)

_OWN = frozenset(
    code.name
    for code in (
        APP_MISMATCH,
        DIGEST_MISMATCH,
        EVIDENCE_LIMIT,
        POLICY_EXPIRED,
        VERIFICATION_FAILED,
    )
)
"""Of who asks, of the policy, or of who serves the repository or may write to it."""
_TRUST = "trust"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sayer:
    """Who signs summaries, and as which verifier.

    Attributes:
        signer: makes the signature.
        verifier_id: a URI.
    """

    signer: Signer
    verifier_id: str

    def passed(self, store: Store, examined: Examined, policy: Policy) -> Attested:
        """Say that a package has passed, and attach that to it.

        Raises:
            MinisealError: as `pipeline.attest.attest`.
        """
        verdict = examined.verdict
        said = passed(verdict, policy, examined.evidence, verifier_id=self.verifier_id)
        return attest(store, verdict.package.digest, PREDICATE_TYPE, said.to_json(), self.signer)

    @contextmanager
    def refusing(self, store: Store, name: str, policy: Policy, *, now: int) -> Generator[None]:
        """Say of a package that is refused inside that it has failed, and let the error go on.

        Args:
            store: that has the package.
            name: its digest.
            policy: that it is verified by.
            now: seconds since 1970.

        Raises:
            UsageError: `refusal-by-tag`.
            MinisealError: as `pipeline.attest.attest`.
        """
        if not name.startswith("sha256:"):
            raise REFUSAL_BY_TAG("the package is named by a tag", found=name)
        try:
            yield
        except (FormatError, VerificationError) as error:
            config = fetch(store, name).config if blames_package(error) else None
            if config is not None and not _is_of_another(error, config, policy):
                said = failed(config, policy, verifier_id=self.verifier_id, now=now)
                attest(store, name, PREDICATE_TYPE, said.to_json(), self.signer)
            raise


def blames_package(error: MinisealError) -> bool:
    """Whether an error says something of the package, not of the policy, its trust or the asker."""
    return error.code not in _OWN and not error.code.startswith(_TRUST)


def _is_of_another(error: MinisealError, config: Config, policy: Policy) -> bool:
    """Whether a program was asked for that the policy does not know, and the package's it does."""
    if error.code != NAMESPACE_UNKNOWN.name:
        return False
    try:
        policy.namespace(config.manifest.app_id)
    except VerificationError:
        return False
    return True
