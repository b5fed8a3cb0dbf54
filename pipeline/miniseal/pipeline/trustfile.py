"""Trust material in a file, for who verifies without a host's state, or carries it to one.

The file is believed in one thing alone, when it was refreshed: whoever may write it can keep
material in use until its metadata expire. It deserves the protection of the policy itself.
"""

import os
from collections.abc import Callable
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError, VerificationError
from miniseal.pipeline.whole import write_whole
from miniseal.verifier import Policy
from miniseal.verifier.signatures.material import MATERIAL_LIMIT, TRUST_INVALID, Material
from miniseal.verifier.signatures.trust import TrustedRoot, TufRepository
from miniseal.verifier.signatures.tuf import Chain

__all__ = ["TRUST_UNREADABLE", "TrustFile", "read_trust"]

TRUST_UNREADABLE = Code(
    "trust-unreadable",
    EnvironmentalError,
    meaning="the file of trust material cannot be read or written",
    cause="missing rights, a full disk, a folder that is not there, or another process at work",
    remedy="correct what the message names, then try again",
)

_LOCK_SECONDS = 60.0


def read_trust(path: str | os.PathLike[str]) -> bytes | None:
    """The content of a file of trust material, or None where there is no file.

    Raises:
        VerificationError: `trust-invalid`, for one that is too large.
        EnvironmentalError: `trust-unreadable`.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            data = stream.read(MATERIAL_LIMIT + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TRUST_UNREADABLE(
            f"the trust material cannot be read: {error}", found=os.fspath(path)
        ) from error
    if len(data) > MATERIAL_LIMIT:
        raise TRUST_INVALID(
            "the trust material is too large", expected=f"at most {MATERIAL_LIMIT} bytes"
        )
    return data


class TrustFile:
    """Keeps trust material in one file, which is replaced as a whole."""

    def __init__(
        self, path: str | os.PathLike[str], policy: Policy, clock: Callable[[], float]
    ) -> None:
        """Keep the collaborators; nothing is read."""
        self._path = Path(path)
        self._policy = policy
        self._clock = clock

    def trust_material(self) -> bytes | None:
        """The file's content, or None; raises as `read_trust`."""
        return read_trust(self._path)

    def accept_trust(self, material: bytes) -> TrustedRoot:
        """Verify material and put it in the file, unless the file has later one.

        Raises:
            VerificationError: `trust-invalid`, `trust-stale`, `trust-rollback`, `trust-missing`.
            EnvironmentalError: `trust-unreadable`.
        """
        from filelock import FileLock, Timeout

        repository = TufRepository.of_policy(self._policy)
        root, chain = repository.read(Material.from_bytes(material), int(self._clock()))
        try:
            with FileLock(f"{self._path}.lock", timeout=_LOCK_SECONDS):
                known = self._known(repository)
                if known is not None:
                    chain.check_follows(known.versions)
                write_whole(self._path, material)
        except (OSError, Timeout) as error:
            raise TRUST_UNREADABLE(
                f"the trust material cannot be written: {error}", found=str(self._path)
            ) from error
        return root

    def _known(self, repository: TufRepository) -> Chain | None:
        """What is in the file, if it is material of this repository."""
        data = read_trust(self._path)
        try:
            return None if data is None else repository.chain(Material.from_bytes(data))
        except VerificationError:
            return None
