"""Trust material in a host's state: accepting it, and giving it to admissions.

The material is a blob, which the head names by digest, with the versions in it: so a crash leaves
the old material or the new, an older file that is put back is noticed, and a host's counter covers
it as it covers everything else. What was accepted once is verified again, from the root that the
policy pins, at each admission; `load` does not look at it, because an admission ends with it.
Fetching is not done here.
"""

from collections.abc import Callable
from contextlib import suppress

from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError, VerificationError
from miniseal.verifier.host.audit import entry, refusal
from miniseal.verifier.host.head import Head, TrustMark
from miniseal.verifier.host.load import check_clock
from miniseal.verifier.host.reader import NOT_INSTALLED, StateReader
from miniseal.verifier.host.record import Blob
from miniseal.verifier.host.serial import check_serial
from miniseal.verifier.host.state import State
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.material import Material
from miniseal.verifier.signatures.trust import TrustedRoot, TufRepository

__all__ = ["TrustKeeper", "needed_material", "stored_material"]


def needed_material(reader: StateReader, policy: Policy) -> bytes | None:
    """The state's material, where the policy has its trusted root from a TUF repository.

    Raises:
        VerificationError, EnvironmentalError: as `stored_material`.
    """
    trust = policy.document.trust
    return None if trust is None or trust.tuf is None else stored_material(reader)


def stored_material(reader: StateReader) -> bytes | None:
    """The material that the head names, or None where there is none.

    Raises:
        VerificationError: `digest-mismatch`, `state-damaged`; as the head is found.
        EnvironmentalError: `state-unreadable`, `mac-key-exposed`.
    """

    def read(head: Head) -> bytes | None:
        mark = head.trust
        if mark is None:
            return None
        return reader.blob(Blob(digest=mark.digest, size=mark.size), "the trust material")

    try:
        return reader.steadily(read, lambda head: head.trust and head.trust.digest)
    except VerificationError as error:
        if error.code == NOT_INSTALLED.name:
            return None
        raise


class TrustKeeper:
    """Takes trust material into one state, under one policy."""

    def __init__(self, policy: str, state: State, clock: Callable[[], float]) -> None:
        """Keep the policy's path, the state and the clock; nothing is read."""
        self._policy = policy
        self._state = state
        self._clock = clock

    def accept(self, data: bytes) -> TrustedRoot:
        """Verify material and make it the state's; see `Verifier.accept_trust`."""
        policy, now = Policy.load(self._policy), int(self._clock())
        try:
            return self._accept(data, policy, now)
        except MinisealError as error:
            with suppress(MinisealError):
                self._refused(error, policy, now)
            raise

    def _accept(self, data: bytes, policy: Policy, now: int) -> TrustedRoot:
        root, chain = TufRepository.of_policy(policy).read(Material.from_bytes(data), now)
        with self._state.locked():
            head = self._state.head(policy.mark)
            check_serial(head.policy, policy.mark)
            check_clock(head, now)
            if head.trust is not None:
                chain.check_follows(head.trust.versions)
            mark = TrustMark(digest=sha256(data), size=len(data), versions=dict(chain.versions))
            self._state.write_blob(data)
            line = entry(
                "refresh",
                None,
                "accepted",
                now,
                trust=root.digest,
                material=mark.digest,
                policy=policy.serial,
            )
            anchor = self._state.log(head.audit, line)
            following = head.next(trust=mark, time=now, audit=anchor)
            self._state.write_head(following)
            self._state.sweep(following)
        return root

    def _refused(self, error: MinisealError, policy: Policy, now: int) -> None:
        """Log a refusal where there is a state already."""
        with self._state.locked():
            head = self._state.reader.head()
            line = refusal("refresh", None, error, now, policy=policy.serial)
            self._state.write_head(head.next(audit=self._state.log(head.audit, line)))
