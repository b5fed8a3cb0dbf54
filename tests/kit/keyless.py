"""A scene whose publisher signs keyless, through a Sigstore in memory."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kit.fakesigstore import GITHUB, ISSUER, SUBJECT, FakeSigstore, Leaf
from kit.packages import NOW, POLICY, Package, Scene
from miniseal.attestations import KeylessIdentity
from miniseal.formats.statement import Statement, Subject

__all__ = ["KEYLESS", "FakeSigner", "keyless_scene", "statement"]

KEYLESS = POLICY.replace(
    '[signer.acme]\nkeys = [{file = "acme.pub"}]\n',
    f"""[trust]
trusted_root = "trusted_root.json"

[signer.acme]
issuer = "{ISSUER}"
identity = "{SUBJECT}"
source_repository_id = "{GITHUB["15"]}"
source_owner_id = "{GITHUB["17"]}"
source_ref = "refs/heads/*"
runner_environment = "github-hosted"
""",
)
"""`POLICY`, where the publisher is a workflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSigner:
    """A `Signer` whose certificate, log entry and clock are of a Sigstore in memory.

    Attributes:
        sigstore: which.
        leaf: the certificate and its key.
        at: when it signs, seconds since 1970.
        rekor: 1 or 2.
        twist: changes a finished bundle.
    """

    sigstore: FakeSigstore = field(default_factory=FakeSigstore)
    leaf: Leaf
    at: int = NOW - 60
    rekor: int = 1
    twist: Callable[[dict[str, Any]], object] = lambda bundle: bundle

    @classmethod
    def of(
        cls,
        *,
        at: int = NOW - 60,
        extensions: Mapping[str, str] = GITHUB,
        sigstore: FakeSigstore | None = None,
        rekor: int = 1,
        **leaf: Any,
    ) -> "FakeSigner":
        """A workflow's signer, with what differs."""
        made = sigstore or FakeSigstore()
        issued = made.leaf(at=at, extensions=extensions, **leaf)
        return cls(sigstore=made, leaf=issued, at=at, rekor=rekor)

    def twisted(self, twist: Callable[[dict[str, Any]], object]) -> "FakeSigner":
        """The same, with bundles that are changed after they were made."""
        return replace(self, twist=twist)

    @property
    def name(self) -> str:
        """For people."""
        return SUBJECT

    @property
    def identity(self) -> KeylessIdentity:
        """As the policy knows it."""
        return KeylessIdentity(
            issuer=ISSUER,
            subject=SUBJECT,
            certificate=self.leaf.certificate or b"",
            trusted_root=json.dumps(self.sigstore.trusted_root()).encode(),
        )

    def sign_statement(self, statement: bytes) -> bytes:
        """A bundle, twisted or not."""
        bundle = self.sigstore.dsse(self.leaf, statement, rekor=self.rekor, at=self.at)
        self.twist(bundle)
        return json.dumps(bundle).encode()


def keyless_scene(folder: Path, text: str = KEYLESS) -> Scene:
    """A scene whose policy trusts `FakeSigstore()`, and nobody's key but the scanner's."""
    (folder / "platform").mkdir(parents=True, exist_ok=True)
    root = json.dumps(FakeSigstore().trusted_root())
    (folder / "platform" / "trusted_root.json").write_text(root, encoding="utf-8")
    return Scene(folder, text)


def statement(said: tuple[str, dict[str, object]], made: Package) -> bytes:
    """The statement that `said` is about a package."""
    return Statement(
        subjects=(Subject.of(made.digest),), predicate_type=said[0], predicate=said[1]
    ).to_bytes()
