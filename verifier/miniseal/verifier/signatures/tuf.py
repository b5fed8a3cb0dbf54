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

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from miniseal.formats.errors import Code, FormatError, VerificationError
from miniseal.formats.strictjson import loads
from miniseal.verifier.signatures.material import ROOT_LIMIT, TRUST_INVALID, Material

if TYPE_CHECKING:
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

__all__ = ["TRUST_ROLLBACK", "Chain", "verified"]

TRUST_ROLLBACK = Code(
    "trust-rollback",
    VerificationError,
    meaning="a TUF repository, or trust material, is older than what was seen before",
    cause="an old copy of the repository was put back, or old trust material was carried here",
    remedy="find out who serves the old state; the known material stays as it is until then",
)

_HASHES = frozenset({"sha256", "sha512"})
_Role = TypeVar("_Role", "Root", "Timestamp", "Snapshot", "Targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Trust material that was verified.

    Attributes:
        roots: the pinned root and those after it, oldest first.
        versions: of `root`, `timestamp`, `snapshot` and `targets`.
        expiries: when what speaks for the target expires, seconds since 1970, by words for it.
    """

    roots: "tuple[Root, ...]"
    versions: dict[str, int]
    expiries: dict[str, int]

    def check_follows(self, known: dict[str, int]) -> None:
        """Refuse a state of the repository that is older than one that is known.

        Where a later root has other keys for timestamp or snapshot their versions may begin anew:
        that is how a repository recovers from an attacker who drove them up.

        Args:
            known: versions, as in `versions`.

        Raises:
            VerificationError: `trust-rollback`.
        """
        restarted = self.versions["root"] > known["root"] and self._has_other_keys(known["root"])
        for role in ("root",) if restarted else ("root", "timestamp", "snapshot", "targets"):
            if self.versions[role] < known[role]:
                raise TRUST_ROLLBACK(
                    f"the repository's {role} is older than the one last seen",
                    found=f"version {self.versions[role]}",
                    expected=f"{known[role]} or higher",
                )

    def _has_other_keys(self, version: int) -> bool:
        before = next((root for root in self.roots if root.version == version), None)
        return before is not None and any(
            before.roles[role] != self.roots[-1].roles[role] for role in ("timestamp", "snapshot")
        )


def verified(material: Material, pinned_root: bytes, target: str) -> Chain:
    """The material's metadata, each verified from the one before, and the target by the last.

    Raises:
        VerificationError: `trust-invalid`.
    """
    from tuf.api.exceptions import RepositoryError  # 200 ms, for keyless signers alone
    from tuf.api.metadata import Snapshot, Targets, Timestamp

    try:
        roots = _roots(material, pinned_root)
        root = roots[-1]
        timestamp = _signed(Timestamp, material.timestamp, "timestamp", root)
        snapshot = _following(
            Snapshot, material.snapshot, "snapshot", root, timestamp.snapshot_meta
        )
        targets = _following(
            Targets, material.targets, "targets", root, snapshot.meta.get("targets.json")
        )
        _check_target(material, targets.targets.get(target), target)
    except (RepositoryError, FormatError, ValueError, KeyError, TypeError) as error:
        raise TRUST_INVALID(
            "the trust material is refused", found=f"{type(error).__name__}: {error}"[:300]
        ) from error
    roles: tuple[Signed, ...] = (root, timestamp, snapshot, targets)
    return Chain(
        roots=roots,
        versions={role.type: role.version for role in roles},
        expiries={f"the repository's {role.type}": int(role.expires.timestamp()) for role in roles},
    )


def _roots(material: Material, pinned_root: bytes) -> "tuple[Root, ...]":
    """The pinned root and its successors; what the policy has overtaken is passed over."""
    from tuf.api.metadata import Root

    roots = [_read(Root, pinned_root, "pinned root").signed]
    for data in material.roots:
        last, following = roots[-1], _read(Root, data, "root")
        if following.signed.version <= last.version:
            continue
        if following.signed.version != last.version + 1:
            raise TRUST_INVALID(
                "the trust material lacks a root",
                found=f"version {following.signed.version}",
                expected=f"version {last.version + 1}",
            )
        last.verify_delegate("root", following.signed_bytes, following.signatures)
        following.signed.verify_delegate("root", following.signed_bytes, following.signatures)
        roots.append(following.signed)
    return tuple(roots)


def _following(
    role: type[_Role], data: bytes, name: str, root: "Root", said: "MetaFile | None"
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


def _signed(role: type[_Role], data: bytes, name: str, root: "Root") -> _Role:
    metadata = _read(role, data, name)
    root.verify_delegate(name, metadata.signed_bytes, metadata.signatures)
    return metadata.signed


def _read(role: type[_Role], data: bytes, name: str) -> "Metadata[_Role]":
    from tuf.api.metadata import Metadata

    loads(data, limit=max(len(data), ROOT_LIMIT), what=f"TUF {name}")  # tuf's own reader is lenient
    metadata = Metadata[_Role].from_bytes(data)
    if metadata.signed.type != role.type:
        raise TRUST_INVALID(
            f"the trust material's {name} is another role's",
            found=metadata.signed.type,
            expected=role.type,
        )
    return metadata


def _check_target(material: Material, said: "TargetFile | None", target: str) -> None:
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
