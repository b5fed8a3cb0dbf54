"""A published package as bytes that other tools take, and policies that name other tools' signers.

Nothing here is verified.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kit.cosign import Cosign
from kit.layouts import Attached, attached, blob, tags
from kit.sigstore import PrivateSigstore
from miniseal.registry import LayoutStore

__all__ = [
    "SOMETHING",
    "TYPES",
    "CosignKey",
    "Published",
    "bare",
    "keyless_policy",
    "only_provenance",
    "owned_policy",
    "policy_with_key",
    "sign_something",
]

TYPES = {
    "capabilities": "https://in-toto.io/attestation/scai/v0.3",
    "checks": "https://in-toto.io/attestation/test-result/v0.1",
    "provenance": "https://slsa.dev/provenance/v1",
    "sbom": "https://cyclonedx.org/bom",
    "vulnerabilities": "https://in-toto.io/attestation/vulns/v0.2",
}
"""What a policy may require of every release, and the predicateType of it."""

SOMETHING = b"something"
"""A file."""

_PUBLISHERS = 'publishers = ["publisher"]'
_KEYS = 'keys = [{file = "publisher.pub"}]'


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignKey:
    """A key pair in files; the private one as cosign encrypts it, without a password."""

    private: Path
    public: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A release.

    Attributes:
        layout: that has it.
        policy: the folder of a policy that admits it.
    """

    layout: Path
    policy: Path

    @property
    def tag(self) -> str:
        """Of the package; the tags of the image and of the bare wasm begin with it."""
        return min(tags(self.layout), key=len)

    @property
    def digest(self) -> str:
        """Of the package's manifest."""
        return tags(self.layout)[self.tag]

    @property
    def manifest(self) -> bytes:
        """The package's manifest."""
        return blob(self.layout, self.digest)

    def bundles(self, digest: str | None = None) -> list[Attached]:
        """What is attached to the package, or to another manifest."""
        return attached(self.layout, digest or self.digest)

    def said(self, kind: str) -> list[Attached]:
        """What is attached to the package of one predicateType; at least one."""
        found = [each for each in self.bundles() if each.kind == kind]
        assert found, kind
        return found


def bare(release: Published, layout: Path) -> Path:
    """A layout with the packages of a release, and nothing attached to them."""
    store = LayoutStore(layout)
    for tag, described in tags(release.layout).items():
        data = blob(release.layout, described)
        manifest = json.loads(data)
        for part in (manifest["config"], *manifest["layers"]):
            store.put(blob(release.layout, part["digest"]), part["mediaType"])
        store.tag(tag, store.put_manifest(data, manifest["mediaType"]))
    return layout


def policy_with_key(base: Path, folder: Path, public: Path) -> Path:
    """The policy in `base`, with another key for its publisher."""
    shutil.copytree(base, folder)
    shutil.copy(public, folder / "publisher.pub")
    return folder / "policy.toml"


def keyless_policy(
    base: Path,
    folder: Path,
    stack: PrivateSigstore,
    kind: str,
    changes: Mapping[str, str] | None = None,
) -> Path:
    """The policy in `base`, with an identity for its publisher instead of a key.

    Args:
        base: its folder.
        folder: of the new one.
        stack: whose identities they are.
        kind: `email` or `github`.
        changes: members of the signer.
    """
    return _changed(base, folder, stack, {_KEYS: _identity(stack, kind, changes or {})})


def owned_policy(base: Path, folder: Path, stack: PrivateSigstore, owner: Path | str) -> Path:
    """The policy in `base`, where somebody else than who built has to publish.

    Args:
        base: its folder.
        folder: of the new one.
        stack: whose identities they are.
        owner: a public key, or `email` or `github`.
    """
    lines = _identity(stack, owner, {}) if isinstance(owner, str) else _KEYS
    lines = lines.replace("publisher.pub", "owner.pub")
    changes = {_KEYS: f"{_KEYS}\n\n[signer.owner]\n{lines}", _PUBLISHERS: 'publishers = ["owner"]'}
    path = _changed(base, folder, stack, changes)
    if isinstance(owner, Path):
        shutil.copy(owner, folder / "owner.pub")
    return path


def only_provenance(policy: Path) -> Path:
    """The same file, which now requires provenance alone."""
    text = policy.read_text(encoding="utf-8")
    for kind in TYPES.keys() - {"provenance"}:
        text, found = re.subn(rf"\[namespace\.require\.{kind}\]\n(?:[^\[\n].*\n)*", "", text)
        assert found == 1, kind
    policy.write_text(text, encoding="utf-8")
    return policy


def sign_something(
    stack: PrivateSigstore, cosign: Cosign, folder: Path, version: str, bundle: Path
) -> None:
    """Have cosign sign `SOMETHING` as `email`, with the log of that version."""
    file, token = folder / "something", folder / "something-token"
    file.write_bytes(SOMETHING)
    token.write_text(stack.token("email"))
    config = stack.signing_config if version == "v2" else stack.signing_config_v1
    cosign(
        *("sign-blob", "--identity-token", token, "--signing-config", config),
        *("--trusted-root", stack.trusted_root, "--bundle", bundle, file),
    ).ok()


def _identity(stack: PrivateSigstore, kind: str, changes: Mapping[str, str]) -> str:
    signer = {"issuer": stack.issuer_url(kind), "identity": stack.identity(kind)}
    if kind == "github":
        signer |= {"source_repository_id": "1001", "source_owner_id": "2002"}
    members = {**signer, **changes}
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in members.items())


def _changed(base: Path, folder: Path, stack: PrivateSigstore, changes: Mapping[str, str]) -> Path:
    """A policy in `folder`: that in `base` with other lines, and the stack's trusted root."""
    shutil.copytree(base, folder)
    shutil.copy(stack.trusted_root, folder / "trusted_root.json")
    path = folder / "policy.toml"
    text = path.read_text(encoding="utf-8")
    trust = '[trust]\ntrusted_root = "trusted_root.json"\n\n[signer.publisher]'
    for old, new in {"[signer.publisher]": trust, **changes}.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
