"""cosign verifies what we write: as a file, and from registries of two kinds."""

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from kit.commands import run_miniseal
from kit.cosign import Cosign
from kit.exchange import TYPES, CosignKey, Published, bare
from kit.layouts import tags
from kit.registries import Registry
from kit.sigstore import PrivateSigstore

PROVENANCE = TYPES["provenance"]
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
WITHOUT_LOG = "--insecure-ignore-tlog"


@pytest.fixture
def public(released: Path) -> tuple[str | Path, ...]:
    """What tells cosign to take the publisher's key, which no log knows."""
    return ("--key", released / "publisher.key.pub", WITHOUT_LOG)


def hexadecimal(digest: str) -> tuple[str, ...]:
    return ("--digest", digest.removeprefix("sha256:"), "--digestAlg", "sha256")


def identity(stack: PrivateSigstore, kind: str) -> tuple[str | Path, ...]:
    return (
        *("--trusted-root", stack.trusted_root),
        *("--certificate-identity", stack.identity(kind)),
        *("--certificate-oidc-issuer", stack.issuer_url(kind)),
    )


class TestFiles:
    @pytest.mark.parametrize("kind", TYPES.values())
    def test_every_statement_about_each_of_its_subjects(
        self,
        kind: str,
        tip: Published,
        cosign: Cosign,
        tmp_path: Path,
        public: tuple[str | Path, ...],
    ) -> None:
        bundle = tmp_path / "bundle.json"
        for said in tip.said(kind):
            bundle.write_bytes(json.dumps(said.bundle).encode())

            for subject in said.statement["subject"]:
                digest = hexadecimal(subject["digest"]["sha256"])
                words = ("verify-blob-attestation", *public, "--bundle", bundle, "--type", kind)
                cosign(*words, *digest).ok()

    def test_the_package_as_a_file(
        self, tip: Published, cosign: Cosign, tmp_path: Path, public: tuple[str | Path, ...]
    ) -> None:
        bundle, manifest = tmp_path / "bundle.json", tmp_path / "manifest.json"
        bundle.write_bytes(json.dumps(tip.said(PROVENANCE)[0].bundle).encode())
        manifest.write_bytes(tip.manifest)
        words = ("verify-blob-attestation", *public, "--bundle", bundle, "--type")

        cosign(*words, PROVENANCE, manifest).ok()
        cosign(*words, TYPES["sbom"], manifest).refused("invalid predicate type")
        manifest.write_bytes(tip.manifest + b" ")
        cosign(*words, PROVENANCE, manifest).refused("do not match digests in statement")

    def test_another_key_is_refused(
        self, tip: Published, cosign: Cosign, cosign_key: CosignKey, tmp_path: Path
    ) -> None:
        bundle = tmp_path / "bundle.json"
        bundle.write_bytes(json.dumps(tip.said(PROVENANCE)[0].bundle).encode())

        cosign(
            *("verify-blob-attestation", "--key", cosign_key.public, WITHOUT_LOG),
            *("--bundle", bundle, "--type", PROVENANCE, *hexadecimal(tip.digest)),
        ).refused("accepted signatures do not match threshold")


class TestRegistry:
    @pytest.mark.parametrize("kind", TYPES.values())
    def test_every_statement(
        self,
        kind: str,
        tip: Published,
        pushed: str,
        registry: Registry,
        cosign: Cosign,
        public: tuple[str | Path, ...],
    ) -> None:
        for name in (tip.tag, tip.digest):
            words = ("verify-attestation", *public, "--type", kind)
            printed = cosign(*words, registry.reference(pushed, name)).ok()

            payloads = {json.loads(line)["payload"] for line in printed.splitlines()}
            assert payloads == {each.bundle["dsseEnvelope"]["payload"] for each in tip.said(kind)}

    def test_each_form_of_the_program(
        self,
        tip: Published,
        pushed: str,
        registry: Registry,
        cosign: Cosign,
        public: tuple[str | Path, ...],
    ) -> None:
        names = set(tags(tip.layout))
        assert names == {tip.tag, f"{tip.tag}-image", f"{tip.tag}-wasm"}

        for name in names:
            words = ("verify-attestation", *public, "--type", PROVENANCE)
            cosign(*words, registry.reference(pushed, name)).ok()

    def test_the_tree_and_the_download(
        self, tip: Published, pushed: str, registry: Registry, cosign: Cosign
    ) -> None:
        reference = registry.reference(pushed, tip.tag)

        tree = cosign("tree", reference).ok()
        downloaded = cosign("download", "attestation", reference).ok()
        chosen = cosign("download", "attestation", "--predicate-type", PROVENANCE, reference).ok()

        bundles = tip.bundles()
        assert all(tree.count(kind) == len(tip.said(kind)) for kind in TYPES.values())
        lines = downloaded.splitlines()
        assert len(lines) == len(bundles)
        assert all(each.bundle in map(json.loads, lines) for each in bundles)
        assert [json.loads(chosen)] == [tip.said(PROVENANCE)[0].bundle]

    def test_a_registry_without_the_referrers_api(
        self,
        tip: Published,
        old_registry: Registry,
        cosign: Cosign,
        public: tuple[str | Path, ...],
    ) -> None:
        old_registry.push(tip.layout, "old")
        reference = old_registry.reference("old", tip.tag)

        cosign("verify-attestation", *public, "--type", PROVENANCE, reference).ok()
        assert PROVENANCE in cosign("tree", reference).ok()
        downloaded = cosign("download", "attestation", reference).ok()

        assert len(downloaded.splitlines()) == len(tip.bundles())

    def test_what_is_not_attached_is_not_found(
        self,
        tip: Published,
        registry: Registry,
        cosign: Cosign,
        public: tuple[str | Path, ...],
    ) -> None:
        registry.push(tip.layout, "not-attached", bare=True)
        words = ("verify-attestation", *public, "--type", PROVENANCE)

        cosign(*words, registry.reference("not-attached", tip.tag)).refused("no matching")


class TestKeys:
    def test_a_signature(
        self, tip: Published, registry: Registry, cosign: Cosign, key: Path, tmp_path: Path
    ) -> None:
        layout = Path(shutil.copytree(tip.layout, tmp_path / "layout"))
        run_miniseal("sign", f"oci:{layout}:{tip.tag}", "--key", key).ok()
        registry.push(layout, "signature")
        reference = registry.reference("signature", tip.tag)

        cosign("verify", "--key", f"{key}.pub", WITHOUT_LOG, reference).ok()
        cosign(
            *("verify-attestation", "--key", f"{key}.pub", WITHOUT_LOG),
            *("--type", SIGNATURE, reference),
        ).ok()

    def test_an_ed25519_key(
        self, tip: Published, registry: Registry, cosign: Cosign, tmp_path: Path
    ) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        private, public = tmp_path / "ed25519.key", tmp_path / "ed25519.pub"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        private.chmod(0o600)
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        layout = attest(tip, tmp_path, "--key", private)
        registry.push(layout, "ed25519")

        cosign(
            *("verify-attestation", "--key", public, WITHOUT_LOG, "--type", PROVENANCE),
            registry.reference("ed25519", tip.tag),
        ).ok()


class TestKeyless:
    @pytest.mark.parametrize("version", ["v1", "v2"])
    @pytest.mark.parametrize("kind", ["email", "github"])
    def test_a_statement(
        self,
        kind: str,
        version: str,
        sigstore: PrivateSigstore,
        tip: Published,
        registry: Registry,
        old_registry: Registry,
        cosign: Cosign,
        tmp_path: Path,
    ) -> None:
        config = sigstore.trust_config if version == "v2" else sigstore.trust_config_v1
        token = tmp_path / "token"
        token.write_text(sigstore.token(kind))
        with sigstore.inside():
            layout = attest(
                *(tip, tmp_path, "--keyless"),
                *("--identity-token", token, "--trust-config", config),
            )
        repository = f"keyless-{kind}-{version}"
        bundle = tmp_path / "bundle.json"
        (said,) = Published(layout=layout, policy=tip.policy).said(PROVENANCE)
        bundle.write_text(json.dumps(said.bundle))
        who = (*identity(sigstore, kind), "--type", PROVENANCE)

        for there in (registry, old_registry):
            there.push(layout, repository)
            reference = there.reference(repository, tip.digest)
            cosign("verify-attestation", *who, reference).ok()
            assert PROVENANCE in cosign("tree", reference).ok()
            downloaded = json.loads(cosign("download", "attestation", reference).ok())
            assert downloaded["dsseEnvelope"] == said.bundle["dsseEnvelope"]
        words = ("verify-blob-attestation", "--bundle", bundle)
        cosign(*words, *who, *hexadecimal(tip.digest)).ok()
        other = (*identity(sigstore, "email" if kind == "github" else "github"),)
        refused = cosign(*words, *other, "--type", PROVENANCE, *hexadecimal(tip.digest))
        refused.refused("no matching CertificateIdentity found")

    def test_a_signature(
        self,
        sigstore: PrivateSigstore,
        tip: Published,
        registry: Registry,
        cosign: Cosign,
        tmp_path: Path,
    ) -> None:
        layout = Path(shutil.copytree(tip.layout, tmp_path / "layout"))
        env = sigstore.actions_environ()
        with sigstore.inside():
            run_miniseal(
                *("sign", f"oci:{layout}:{tip.tag}", "--keyless"),
                *("--trust-config", sigstore.trust_config_v1),
                env=env,
            ).ok()
        registry.push(layout, "keyless-signature")

        reference = registry.reference("keyless-signature", tip.tag)
        cosign("verify", *identity(sigstore, "github"), reference).ok()


def attest(tip: Published, folder: Path, *words: str | Path) -> Path:
    """A layout that has the package, and provenance signed as `words` say, and nothing else."""
    layout = bare(tip, folder / "attested")
    predicate = folder / "predicate.json"
    predicate.write_text(json.dumps(tip.said(PROVENANCE)[0].statement["predicate"]))
    reference = f"oci:{layout}:{tip.tag}"
    run_miniseal(
        *("attest", reference, "--type", "slsaprovenance1", "--predicate", predicate), *words
    ).ok()
    return layout
