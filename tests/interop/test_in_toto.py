"""in-toto's own tools over what Miniseal writes: layouts as they are, links rewritten."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from in_toto.exceptions import InvalidMetadata  # type: ignore[import-untyped]
from in_toto.models.link import FILENAME_FORMAT  # type: ignore[import-untyped]
from in_toto.models.link import Link as InTotoLink
from in_toto.models.metadata import Envelope, Metadata  # type: ignore[import-untyped]
from securesystemslib.signer import CryptoSigner

from miniseal.attestations import FileSigner, generate_key, sign_statement
from miniseal.attestations.layout import functionary_key, in_toto_envelope, sign_layout
from miniseal.formats.digest import sha256
from miniseal.formats.predicates.link import Link
from miniseal.formats.statement import Statement
from miniseal.pipeline.steps.links import PERFORMED, claims, release_layout

NAMES = {name for step in PERFORMED for name in (*step.materials, *step.products)}
VERIFY = "from in_toto.in_toto_verify import main; main()"
END = "2099-01-01T00:00:00Z"
"""in-toto asks the machine's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A layout of a release, signed, as files that in-toto's tools take.

    Attributes:
        folder: with `root.layout`, the owner's public key, and links.
        functionary: signs links.
        key_id: of the functionary.
    """

    folder: Path
    functionary: CryptoSigner
    key_id: str

    def link(self, statement: bytes) -> None:
        """Write one of our links as in-toto's tools read them, signed by the functionary."""
        said = Statement.from_bytes(statement)
        link = Link.from_json(said.predicate)
        old = InTotoLink(
            name=link.name,
            materials={each.name: each.digest for each in link.materials},
            products={each.name: each.digest for each in said.subjects},
        )
        envelope = Envelope.from_signable(old)
        envelope.create_signature(self.functionary)
        name = FILENAME_FORMAT.format(step_name=link.name, keyid=self.key_id)
        envelope.dump(str(self.folder / name))

    def links(self, artifacts: dict[str, str], steps: Iterable[str] | None = None) -> None:
        """Write the links of a release of these artifacts."""
        wanted = {step.name for step in PERFORMED} if steps is None else {*steps}
        for each in claims(artifacts):
            if json.loads(each.statement)["predicate"]["name"] in wanted:
                self.link(each.statement)

    def verify(self) -> subprocess.CompletedProcess[str]:
        """Run in-toto-verify."""
        words = ("--layout", "root.layout", "--verification-keys", "owner.pub", "--link-dir", ".")
        return subprocess.run(
            [sys.executable, "-c", VERIFY, *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def artifacts() -> dict[str, str]:
    return {name: sha256(name.encode()) for name in NAMES}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    owner = generate_key(tmp_path / "owner")
    functionary = CryptoSigner.generate_ecdsa()
    public = FileSigner.from_pem(functionary.private_bytes, what="ci").public_pem
    key_id, key = functionary_key(public, "ci")
    layout = release_layout({key_id: key}, expires=END).to_bytes()
    envelope = in_toto_envelope(sign_layout(layout, owner), owner.public_pem)
    (tmp_path / "root.layout").write_bytes(envelope)
    return Release(folder=tmp_path, functionary=functionary, key_id=key_id)


def test_in_toto_verify_follows_our_layout(release: Release, artifacts: dict[str, str]) -> None:
    release.links(artifacts)

    done = release.verify()

    assert done.returncode == 0, done.stderr


def test_in_toto_verify_takes_the_layouts_signature_and_asks_for_links(release: Release) -> None:
    done = release.verify()

    assert done.returncode != 0
    assert "Step 'resolve' requires '1' link metadata file(s), found '0'" in done.stderr


def test_in_toto_verify_refuses_a_layout_that_was_changed(
    release: Release, artifacts: dict[str, str]
) -> None:
    release.links(artifacts)
    path = release.folder / "root.layout"
    envelope = json.loads(path.read_text())
    envelope["payload"] = envelope["payload"].replace("A", "B", 1)
    path.write_text(json.dumps(envelope))

    done = release.verify()

    assert done.returncode != 0
    assert "SignatureVerificationError" in done.stderr


def test_in_toto_verify_refuses_another_releases_wasm(
    release: Release, artifacts: dict[str, str]
) -> None:
    release.links(artifacts)
    release.links({**artifacts, "app.wasm": sha256(b"other")}, steps=["build"])

    done = release.verify()

    assert done.returncode != 0
    assert "RuleVerificationError" in done.stderr


def test_in_toto_does_not_read_links_that_are_attestations(
    release: Release, artifacts: dict[str, str]
) -> None:
    owner = FileSigner.load(release.folder / "owner")
    first, *_ = claims(artifacts)
    path = release.folder / "resolve.link"
    path.write_bytes(in_toto_envelope(sign_statement(first.statement, owner), owner.public_pem))

    with pytest.raises(InvalidMetadata):
        Metadata.load(str(path)).get_payload()
