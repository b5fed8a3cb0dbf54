"""A folder with the policy that a host goes by, replaced only by a newer one, as a whole.

    FOLDER/current -> 12-1f0c...    the policy is FOLDER/current/policy.toml
    FOLDER/11-9a4e...               the one before, for who was reading it
    FOLDER/lock

Each version has a folder of its own, which is complete before `current` leads to it; so whoever
resolves `current` once reads files that belong together, whatever crashes. Whoever can write the
folder can replace everything: a host's state remembers the serial too. No signature is looked at.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.verifier.checks.freshness import check_policy
from miniseal.verifier.host.load import POLICY_FILE
from miniseal.verifier.host.serial import check_serial
from miniseal.verifier.policy.policy import Policy

__all__ = ["POLICY_FOLDER_UNUSABLE", "Accepted", "accept"]

POLICY_FOLDER_UNUSABLE = Code(
    "policy-folder-unusable",
    EnvironmentalError,
    meaning="a folder cannot be made to hold the accepted policy",
    cause="missing rights, a full disk, files of somebody else in it, or another process at work",
    remedy="give `policy accept` an empty folder of its own that its user can write",
)

_CURRENT = "current"
_LOCK = "lock"
_LOCK_SECONDS = 60.0
_NEW = ".new-"
_VERSION = re.compile(r"[0-9]{1,16}-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A policy that is in place.

    Attributes:
        path: of its `policy.toml`.
        replaced: the serial of the policy that was there before, or None.
        changed: whether it was not the same already.
    """

    path: Path
    replaced: int | None
    changed: bool


def accept(policy: Policy, folder: Path, *, now: int) -> Accepted:
    """Put `policy` into `folder`, whole or not at all.

    Args:
        policy: whose signature was verified.
        folder: of nothing else; made where it is missing.
        now: seconds since 1970.

    Raises:
        VerificationError: `policy-expired`, `policy-rollback`, `policy-serial-reused`.
        EnvironmentalError: `policy-folder-unusable`.
    """
    check_policy(policy, now)
    with _locked(folder):
        held, in_place = _held(folder)
        if held is not None:
            check_serial(held.mark, policy.mark)
        changed = not in_place or held is None or held.digest != policy.digest
        if changed:
            _switch(folder, _written(policy, folder))
    return Accepted(
        path=folder / _CURRENT / POLICY_FILE,
        replaced=None if held is None else held.serial,
        changed=changed,
    )


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Hold the folder's lock; what the system refuses becomes an error of ours."""
    from filelock import FileLock, Timeout  # a host that only loads needs none

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK, timeout=_LOCK_SECONDS):
            yield
    except Timeout as error:
        raise POLICY_FOLDER_UNUSABLE("the folder is locked", found=str(folder)) from error
    except OSError as error:
        raise POLICY_FOLDER_UNUSABLE(
            f"the folder cannot be written: {error.strerror}", found=str(error.filename or folder)
        ) from error


def _held(folder: Path) -> tuple[Policy | None, bool]:
    """The policy that is there, or None in a folder of nothing; and whether `current` leads to it.

    Raises:
        EnvironmentalError: `policy-folder-unusable`, for a folder of something else, and where the
            policy cannot be read: without its serial nobody knows what would be newer.
    """
    names = {each.name for each in folder.iterdir()} - {_LOCK}
    if _CURRENT in names:
        return _read(folder / _CURRENT), True
    names = {each for each in names if not each.startswith(_NEW)}
    others = {each for each in names if not _VERSION.fullmatch(each)}
    if others:
        raise POLICY_FOLDER_UNUSABLE("the folder has other files", found=min(others)[:100])
    # A crash came before `current` was made, or somebody has removed it.
    policies = [_read(folder / each) for each in sorted(names)]
    return max(policies, key=lambda each: each.serial, default=None), False


def _read(folder: Path) -> Policy:
    try:
        return Policy.load(folder / POLICY_FILE)
    except MinisealError as error:
        raise POLICY_FOLDER_UNUSABLE(
            f"the policy that is there cannot be read: {error.message}",
            found=str(folder),
            hint="begin with an empty folder, and with the newest policy there is",
        ) from error


def _written(policy: Policy, folder: Path) -> str:
    """Write the policy's own folder, and give its name."""
    name = f"{policy.serial}-{policy.digest.removeprefix('sha256:')[:16]}"
    place = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
    for file, content in policy.contents.items():
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        path.chmod(0o644)
    folders = [place, *(each for each in place.rglob("*") if each.is_dir())]
    for each in folders:
        each.chmod(0o755)
    if Policy.load(place / POLICY_FILE).digest != policy.digest:
        raise POLICY_FOLDER_UNUSABLE("the folder does not keep what was written", found=str(folder))
    for each in folders:
        _sync(each)
    _remove(folder / name)  # what a crash may have left
    place.rename(folder / name)
    return name


def _switch(folder: Path, name: str) -> None:
    """Let `current` lead to the version `name`, and keep only the one before besides."""
    current, link = folder / _CURRENT, folder / f"{_NEW}{name}"
    before = current.readlink().name if current.is_symlink() else None
    _remove(link)
    link.symlink_to(name)
    link.replace(current)
    _sync(folder)
    for each in folder.iterdir():
        old = _VERSION.fullmatch(each.name) and each.name not in {name, before}
        if old or each.name.startswith(_NEW):
            _remove(each)


def _remove(path: Path) -> None:
    """Remove a folder, or a link in its place, if there is one."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
