"""Trust material brought up to date from a TUF repository, for a host's state or into a file.

python-tuf's client does the update, from the root that the policy pins and with what is known
already, so that it notices an older state of the repository. What it found is taken in as a host
takes in any material: verified again, offline, and compared with what is known. A failure leaves
everything as it was.
"""
# pyright: reportPrivateImportUsage=false
# as in `verifier.signatures.tuf`

import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.verifier import Policy
from miniseal.verifier.signatures.material import (
    MATERIAL_LIMIT,
    ROOT_LIMIT,
    ROTATION_LIMIT,
    SNAPSHOT_LIMIT,
    TARGET_LIMIT,
    TARGETS_LIMIT,
    TIMESTAMP_LIMIT,
    TRUST_INVALID,
    Material,
)
from miniseal.verifier.signatures.trust import TRUST_STALE, TrustedRoot, TufRepository
from miniseal.verifier.signatures.tuf import TRUST_ROLLBACK

if TYPE_CHECKING:
    from tuf.ngclient import FetcherInterface

__all__ = ["REFRESH_FAILED", "Keeper", "fetch", "refresh"]

REFRESH_FAILED = Code(
    "refresh-failed",
    EnvironmentalError,
    meaning="the TUF repository that the policy names did not serve what it should",
    cause="no network, a wrong url, a server that is down or slow, or one that sends too much",
    remedy="check the url in the policy's [trust.tuf], then try again; what is known stays valid",
)

_SECONDS = 120.0


class Keeper(Protocol):
    """Where material is kept: a `Verifier`, or a file."""

    def trust_material(self) -> bytes | None:
        """What is there."""
        ...

    def accept_trust(self, material: bytes) -> TrustedRoot:
        """Verify material, and put it in the place of what is there unless it is older."""
        ...


def refresh(
    policy: Policy, keeper: Keeper, *, clock: Callable[[], float], seconds: float = _SECONDS
) -> TrustedRoot:
    """Fetch what the repository has now, have it kept, and return the trusted root.

    Args:
        policy: names the repository, and pins its root.
        keeper: has the material that is known.
        clock: seconds since 1970.
        seconds: for the whole download.

    Raises:
        VerificationError: `trust-missing`, `trust-invalid`, `trust-stale`, `trust-rollback`; what
            the keeper refuses.
        EnvironmentalError: `refresh-failed`; what the keeper cannot do.
    """
    repository = TufRepository.of_policy(policy)
    known = _known(keeper)
    found: list[Material] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            found.append(fetch(repository, known, now=int(clock()), seconds=seconds))
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            failures.append(error)

    # A thread that can be left behind: no timeout of a socket ends one that sends bit by bit.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not found:
        raise REFRESH_FAILED(
            "the repository is too slow", found=repository.url, expected=f"{seconds:.0f} s"
        )
    return keeper.accept_trust(found[0].to_bytes())


def _known(keeper: Keeper) -> Material | None:
    """What is known, as far as it can be read: what cannot be is replaced."""
    try:
        data = keeper.trust_material()
        return None if data is None else Material.from_bytes(data)
    except MinisealError:
        return None


def fetch(
    repository: TufRepository, known: Material | None, *, now: int, seconds: float
) -> Material:
    """The repository's material as it is now, by python-tuf's client.

    Args:
        repository: where it is, and where the client begins.
        known: what was fetched before, or None.
        now: seconds since 1970.
        seconds: for everything.

    Raises:
        VerificationError: `trust-invalid`, `trust-stale`, `trust-rollback`.
        EnvironmentalError: `refresh-failed`.
    """
    from tuf.api.exceptions import (
        BadVersionNumberError,
        DownloadError,
        DownloadLengthMismatchError,
        ExpiredMetadataError,
        RepositoryError,
    )

    from miniseal.pipeline.download import Downloader  # needs tuf, as all of this

    try:
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            closing(Downloader(seconds=seconds, limit=MATERIAL_LIMIT)) as downloader,
        ):
            return _updated(Path(folder), repository, known, downloader, now)
    except BadVersionNumberError as error:
        raise TRUST_ROLLBACK("the repository is older than it was", found=_said(error)) from error
    except ExpiredMetadataError as error:
        raise TRUST_STALE(
            "the repository has not been kept up, or an old copy is served", found=_said(error)
        ) from error
    except (RepositoryError, DownloadLengthMismatchError, ValueError) as error:
        raise TRUST_INVALID("the repository is refused", found=_said(error)) from error
    except (DownloadError, OSError) as error:
        raise REFRESH_FAILED("the repository cannot be read", found=_said(error)) from error


def _updated(
    folder: Path,
    repository: TufRepository,
    known: Material | None,
    downloader: "FetcherInterface",
    now: int,
) -> Material:
    from tuf.ngclient import Updater, UpdaterConfig

    metadata, targets = folder / "metadata", folder / "targets"
    targets.mkdir()
    _seed(metadata, known)
    updater = Updater(
        str(metadata),
        repository.url,
        target_dir=str(targets),
        target_base_url=f"{repository.url.rstrip('/')}/targets/",
        fetcher=downloader,
        config=UpdaterConfig(
            max_root_rotations=ROTATION_LIMIT,
            max_delegations=0,
            root_max_length=ROOT_LIMIT,
            timestamp_max_length=TIMESTAMP_LIMIT,
            snapshot_max_length=SNAPSHOT_LIMIT,
            targets_max_length=TARGETS_LIMIT,
        ),
        bootstrap=repository.root,
    )
    updater.refresh()
    said = updater.get_targetinfo(repository.target)
    if said is None or said.length > TARGET_LIMIT:
        raise TRUST_INVALID(
            "the repository does not have the target, or one that is too large",
            found=repository.target[:200] if said is None else f"{said.length} bytes",
            hint="check `target` in the policy's [trust.tuf]; delegated targets are not looked at",
        )
    content = Path(updater.download_target(said)).read_bytes()
    return Material(
        refreshed=now,
        roots=_roots(metadata, repository.root),
        timestamp=(metadata / "timestamp.json").read_bytes(),
        snapshot=(metadata / "snapshot.json").read_bytes(),
        targets=(metadata / "targets.json").read_bytes(),
        path=repository.target,
        target=content,
    )


def _seed(metadata: Path, known: Material | None) -> None:
    """Put what is known where the client keeps its own; it believes none of it unverified."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root

    history = metadata / "root_history"
    history.mkdir(parents=True)
    if known is None:
        return
    with suppress(RepositoryError):
        for root in known.roots:
            version = Metadata[Root].from_bytes(root).signed.version
            (history / f"{version}.root.json").write_bytes(root)
        (metadata / "timestamp.json").write_bytes(known.timestamp)
        (metadata / "snapshot.json").write_bytes(known.snapshot)
        (metadata / "targets.json").write_bytes(known.targets)


def _roots(metadata: Path, pinned_root: bytes) -> tuple[bytes, ...]:
    """The roots between the pinned one and the one that the client has arrived at."""
    from tuf.api.metadata import Metadata, Root

    first = Metadata[Root].from_bytes(pinned_root).signed.version
    last = Metadata[Root].from_file(str(metadata / "root.json")).signed.version
    history = metadata / "root_history"
    return tuple(
        (history / f"{version}.root.json").read_bytes() for version in range(first + 1, last + 1)
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
