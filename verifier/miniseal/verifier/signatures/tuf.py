"""TUF metadata verified from a pinned root, offline, with python-tuf's metadata classes.

The client workflow of the TUF specification (section 5) over metadata that lie there whole: each
root signed by the one before and by itself; timestamp, snapshot and top-level targets signed by the
last root's roles; each of them and the target in the version and with the hashes that the one
before names. Expiries are returned, not judged. What only a client with a past can notice, an older
state of the repository, is for the refresh and for the host's state to notice. Delegations are not
followed.
"""
# pyright: reportPrivateImportUsage=false
# tuf documents `tuf.api.metadata` as the home of these names, and has no list of exports

from typing import TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from miniseal.formats.errors import FormatError
from miniseal.formats.strictjson import loads
from miniseal.verifier.signatures.material import ROOT_LIMIT, TRUST_INVALID, Material

__all__ = ["verified"]

_HASHES = frozenset({"sha256", "sha512"})
_Role = TypeVar("_Role", Root, Timestamp, Snapshot, Targets)


def verified(material: Material, pinned_root: bytes, target: str) -> tuple[bytes, dict[str, int]]:
    """The target's content, and when each metadata that speaks for it expires, by its name.

    Raises:
        VerificationError: `trust-invalid`.
    """
    try:
        root = _root(material, pinned_root)
        timestamp = _signed(Timestamp, material.timestamp, "timestamp", root)
        said = timestamp.snapshot_meta
        snapshot = _following(Snapshot, material.snapshot, "snapshot", root, said)
        targets = _following(
            Targets, material.targets, "targets", root, snapshot.meta.get("targets.json")
        )
        _check_target(material, targets.targets.get(target), target)
    except (RepositoryError, FormatError, ValueError, KeyError, TypeError) as error:
        raise TRUST_INVALID(
            "the trust material is refused", found=f"{type(error).__name__}: {error}"[:300]
        ) from error
    roles: tuple[tuple[str, Signed], ...] = (
        ("the repository's root", root),
        ("its timestamp", timestamp),
        ("its snapshot", snapshot),
        ("its targets", targets),
    )
    return material.target, {name: int(role.expires.timestamp()) for name, role in roles}


def _root(material: Material, pinned_root: bytes) -> Root:
    """The last root of the chain; what the policy has overtaken is passed over."""
    root = _read(Root, pinned_root, "pinned root").signed
    for data in material.roots:
        following = _read(Root, data, "root")
        if following.signed.version <= root.version:
            continue
        if following.signed.version != root.version + 1:
            raise TRUST_INVALID(
                "the trust material lacks a root",
                found=f"version {following.signed.version}",
                expected=f"version {root.version + 1}",
            )
        root.verify_delegate("root", following.signed_bytes, following.signatures)
        following.signed.verify_delegate("root", following.signed_bytes, following.signatures)
        root = following.signed
    return root


def _following(
    role: type[_Role], data: bytes, name: str, root: Root, said: MetaFile | None
) -> _Role:
    """Metadata in the version and with the hashes that the role before it has said."""
    if said is None:
        raise TRUST_INVALID(f"the trust material's snapshot does not name the {name}")
    said.verify_length_and_hashes(data)
    signed = _signed(role, data, name, root)
    if signed.version != said.version:
        raise TRUST_INVALID(
            f"the trust material's {name} is of another state of the repository",
            found=f"version {signed.version}",
            expected=f"version {said.version}",
        )
    return signed


def _signed(role: type[_Role], data: bytes, name: str, root: Root) -> _Role:
    metadata = _read(role, data, name)
    root.verify_delegate(name, metadata.signed_bytes, metadata.signatures)
    return metadata.signed


def _read(role: type[_Role], data: bytes, name: str) -> Metadata[_Role]:
    loads(data, limit=max(len(data), ROOT_LIMIT), what=f"TUF {name}")  # tuf's own reader is lenient
    metadata = Metadata[_Role].from_bytes(data)
    if metadata.signed.type != role.type:
        raise TRUST_INVALID(
            f"the trust material's {name} is another role's",
            found=metadata.signed.type,
            expected=role.type,
        )
    return metadata


def _check_target(material: Material, said: TargetFile | None, target: str) -> None:
    if said is None or material.path != target:
        raise TRUST_INVALID(
            "the repository does not have the target",
            found=material.path[:200],
            expected=target[:200],
            hint="check `target` in the policy's [trust.tuf]; delegated targets are not looked at",
        )
    if not _HASHES & said.hashes.keys():
        raise TRUST_INVALID(
            "the repository names the target by weak hashes",
            found=", ".join(sorted(said.hashes))[:100],
            expected="sha256 or sha512",
        )
    said.verify_length_and_hashes(material.target)
