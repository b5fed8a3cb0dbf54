"""What a host holds: one policy, one state, one clock.

Opening and loading need the standard library alone; what admits is imported when it is first asked
to. The threat model of the state is in FORMATS section 6: it stops whoever can write files, not
whoever can read `mac.key`.
"""

import os
import time

from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.load import Loader
from miniseal.verifier.host.program import Program
from miniseal.verifier.host.reader import NOT_INSTALLED, StateReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from miniseal.verifier.host.admission import Admission
    from miniseal.verifier.host.admit import Admitter
    from miniseal.verifier.host.audit import Audit
    from miniseal.verifier.host.head import Head
    from miniseal.verifier.signatures.trust import TrustedRoot
    from miniseal.verifier.source import Source

__all__ = ["Verifier"]


class Verifier:
    """Admits programs into a host's state, and loads them from it.

    Several processes may use one state at the same time, and several threads one verifier.
    """

    __slots__ = ("_clock", "_loader", "_policy", "_random", "_reader", "_state")

    def __init__(
        self,
        policy: str,
        state: str,
        clock: "Callable[[], float]",
        random: "Callable[[int], bytes]",
    ) -> None:
        """Use `Verifier.open`."""
        self._policy = policy
        self._state = state
        self._clock = clock
        self._random = random
        self._reader = StateReader(state)
        self._loader = Loader(policy, self._reader)

    @classmethod
    def open(
        cls,
        policy: "str | os.PathLike[str]",
        *,
        state: "str | os.PathLike[str]",
        clock: "Callable[[], float]" = time.time,
        random: "Callable[[int], bytes]" = os.urandom,
    ) -> "Verifier":
        """A verifier for a policy and a state folder; nothing is read before it is needed.

        Args:
            policy: path of policy.toml; the files that it names lie below its folder.
            state: path of a folder, made by the first installation; nobody else should have rights.
            clock: seconds since 1970.
            random: secret random bytes, so many as it is asked for.
        """
        return cls(
            os.path.abspath(policy),  # noqa: PTH100 - no pathlib here
            os.path.abspath(state),  # noqa: PTH100 - no pathlib here
            clock,
            random,
        )

    def load(self, app_id: str, *, floor: int | None = None) -> Program:
        """The installed program `app_id`: verified bytes, or an error. Never writes but to the log.

        Args:
            app_id: which.
            floor: the lowest generation of the state that is accepted, from a counter of the host's
                own (`Admission.generation`, `Program.generation`), or None.

        Raises:
            VerificationError: `not-installed`, `mac-invalid`, `record-mismatch`, `record-stale`,
                `state-rollback`, `state-damaged`, `state-malformed`, `policy-changed`,
                `clock-rollback`, `admission-expired`, `digest-mismatch`.
            EnvironmentalError: `state-unreadable`, `mac-key-exposed`.
        """
        now = int(self._clock())
        try:
            return self._loader.load(app_id, now=now, floor=floor)
        except MinisealError as error:
            self._log_refusal(app_id, error, now)
            raise

    def install(self, app_id: str, source: "Source", reference: str) -> "Admission":
        """Admit a package: every check, then a record, and from then on `load` returns it.

        Args:
            app_id: the program that is expected.
            source: the repository that has it; asked for content, and not trusted.
            reference: a tag, which has to be the version.name, or a digest.

        Raises:
            VerificationError: every refusal, by its code.
            FormatError: content that does not follow its format.
            UsageError: `policy-invalid`.
            EnvironmentalError: `state-unreadable`, `state-busy`, and the source's own errors.
        """
        return self._admitter().install(app_id, source, reference)

    def readmit(self, app_id: str) -> "Admission":
        """Check the stored evidence of an installed program again, offline, under today's policy.

        Raises:
            VerificationError, UsageError, EnvironmentalError: as `install`; `not-installed`.
        """
        return self._admitter().readmit(app_id)

    def remove(self, app_id: str) -> None:
        """Forget a program's content; its highest version code stays known.

        Raises:
            VerificationError: `not-installed`, or as the state is found.
            EnvironmentalError: `state-unreadable`, `state-busy`.
        """
        self._admitter().remove(app_id)

    def installed(self) -> "tuple[Admission, ...]":
        """What is installed, by app_id.

        Raises:
            VerificationError, EnvironmentalError: as `load`, for a state that cannot be read.
        """
        from miniseal.verifier.host.admission import Admission  # not to load

        def read(head: "Head") -> "tuple[Admission, ...]":
            current = sorted(each for each, app in head.apps.items() if app.record is not None)
            return tuple(Admission(self._reader.record(head, app_id)) for app_id in current)

        try:
            return self._reader.steadily(read, lambda head: head.generation)
        except MinisealError as error:
            if error.code == NOT_INSTALLED.name:
                return ()
            raise

    def summary(self, app_id: str) -> bytes:
        """The signed verification summary that this host wrote when it admitted a program.

        Raises:
            VerificationError: `not-installed`, `summary-missing`, or as the state is found.
            EnvironmentalError: `state-unreadable`.
        """
        from miniseal.verifier.host.summary import read_summary  # not to load

        return read_summary(self._reader, app_id)

    def public_key(self) -> bytes:
        """PEM of the key that the host's verification summaries verify with.

        Raises:
            VerificationError: `not-installed`, before the first admission.
            EnvironmentalError: `host-key-unusable`, `state-unreadable`.
        """
        from miniseal.verifier.host.summary import HostKey  # not to load

        return HostKey.read(self._state).public_pem

    def trust_material(self) -> bytes | None:
        """The trust material of the state, as it was accepted, or None where there is none.

        Raises:
            VerificationError, EnvironmentalError: for a state that cannot be read.
        """
        from miniseal.verifier.host.trust import stored_material  # not to load

        return stored_material(self._reader)

    def accept_trust(self, material: bytes) -> "TrustedRoot":
        """Make trust material the state's: what keyless signatures are verified with from now on.

        It is verified from the root that the policy pins, and must not be older than what the state
        has. Programs that are installed keep their admissions.

        Args:
            material: what `miniseal refresh` wrote, here or on another machine.

        Raises:
            VerificationError: `trust-invalid`, `trust-stale`, `trust-rollback`, `trust-missing`,
                `policy-rollback`, `policy-serial-reused`, `clock-rollback`.
            UsageError: `policy-invalid`.
            EnvironmentalError: `state-unreadable`, `state-busy`.
        """
        from miniseal.verifier.host.state import State  # not to load
        from miniseal.verifier.host.trust import TrustKeeper

        state = State(self._state, self._reader, self._random)
        return TrustKeeper(self._policy, state, self._clock).accept(material)

    def audit(
        self,
        *,
        app_id: str | None = None,
        last: int | None = None,
        anchors: "Iterable[tuple[int, str | None]]" = (),
    ) -> "Audit":
        """The audit log, if it is the one that the state's head leads to.

        Args:
            app_id: return the lines about this program alone.
            last: return so many lines at most, the latest.
            anchors: counts and digests that were kept outside of the state, as in a verification
                summary; the log has to lead there too.

        Raises:
            VerificationError: `audit-broken`, `not-installed`, or as the head is found.
            EnvironmentalError: `state-unreadable`.
        """
        from miniseal.verifier.host.audit import Audit  # not to load

        return Audit.read(self._state, self._reader, app_id=app_id, last=last, anchors=anchors)

    def _admitter(self) -> "Admitter":
        from miniseal.verifier.host.admit import Admitter  # not to load
        from miniseal.verifier.host.state import State

        state = State(self._state, self._reader, self._random)
        return Admitter(self._policy, state, self._clock)

    def _log_refusal(self, app_id: str, error: MinisealError, now: int) -> None:
        """Log a refused load as far as that is possible; the refusal itself must get through."""
        try:
            from miniseal.verifier.host.refusal import log_refusal  # not to load

            log_refusal(self._state, self._reader, app_id, error, now)
        except Exception:  # noqa: BLE001, S110 - a full disk must not hide why the load was refused
            pass
