"""sigstore-js and we verify each other's bundles."""

import json
import time
from pathlib import Path

import pytest

from kit.exchange import (
    TYPES,
    Published,
    bare,
    keyless_policy,
    only_provenance,
    policy_with_key,
)
from kit.sigstore import PrivateSigstore
from kit.sigstorejs import SigstoreJs, SigstoreJsError
from miniseal.attestations import KeylessSigner, sign_statement
from miniseal.formats.errors import MinisealError
from miniseal.registry import LayoutStore, attach
from miniseal.verifier import Policy, Verdict, verify
from miniseal.verifier.signatures.blob import Blob, verify_blob

APP = "com.example.tip"
PROVENANCE = TYPES["provenance"]


def attached(tip: Published, layout: Path, bundle: bytes) -> Path:
    """A layout with the package, to which the bundle alone is attached."""
    store = LayoutStore(bare(tip, layout))
    attach(store, store.resolve(tip.digest), bundle, PROVENANCE)
    return layout


def judge(tip: Published, layout: Path, policy: Path) -> Verdict:
    return verify(APP, LayoutStore(layout), tip.tag, Policy.load(policy), now=time.time())


class TestItReads:
    @pytest.mark.parametrize("kind", TYPES.values())
    def test_key_signed(
        self, kind: str, tip: Published, released: Path, sigstore_js: SigstoreJs
    ) -> None:
        for said in tip.said(kind):
            bundle = json.dumps(said.bundle).encode()

            sigstore_js.verify_with_key(bundle, released / "publisher.key.pub")

    def test_another_key_is_refused(
        self, tip: Published, key: Path, sigstore_js: SigstoreJs
    ) -> None:
        bundle = json.dumps(tip.said(PROVENANCE)[0].bundle).encode()

        with pytest.raises(SigstoreJsError, match="SIGNATURE_ERROR"):
            sigstore_js.verify_with_key(bundle, key.with_name(f"{key.name}.pub"))

    @pytest.mark.parametrize("version", ["v1", "v2"])
    @pytest.mark.parametrize("kind", ["email", "github"])
    def test_keyless(
        self,
        kind: str,
        version: str,
        tip: Published,
        sigstore: PrivateSigstore,
        sigstore_js: SigstoreJs,
    ) -> None:
        config = sigstore.trust_config if version == "v2" else sigstore.trust_config_v1
        signer = KeylessSigner.open(
            trust_config=config.read_bytes(), token=sigstore.token(kind), interactive=False
        )
        with sigstore.inside():
            bundle = sign_statement(tip.said(PROVENANCE)[0].payload, signer)

        assert sigstore_js.verify_identity(bundle, kind) == sigstore.identity(kind)

        other = "email" if kind == "github" else "github"
        with pytest.raises(SigstoreJsError, match="UNTRUSTED_SIGNER_ERROR"):
            sigstore_js.verify_identity(bundle, other)


class TestItWrites:
    def test_key_signed(
        self, tip: Published, key: Path, sigstore_js: SigstoreJs, tmp_path: Path
    ) -> None:
        said = tip.said(PROVENANCE)[0].payload
        public = key.with_name(f"{key.name}.pub")
        policy = only_provenance(policy_with_key(tip.policy, tmp_path / "policy", public))

        layout = attached(tip, tmp_path / "layout", sigstore_js.sign_with_key(said, key))

        assert judge(tip, layout, policy).evidence
        with pytest.raises(MinisealError) as error:
            judge(tip, layout, tip.policy / "policy.toml")
        assert error.value.code == "identity-mismatch"

    @pytest.mark.parametrize("kind", ["email", "github"])
    def test_keyless(
        self,
        kind: str,
        tip: Published,
        in_use: PrivateSigstore,
        sigstore_js: SigstoreJs,
        tmp_path: Path,
    ) -> None:
        """With the log of version 1: in the other it asks for a kind of entry that is no more."""
        said = tip.said(PROVENANCE)[0].payload
        bundle = sigstore_js.sign_as(said, in_use.token(kind), in_use.signing_config_v1)
        other = "email" if kind == "github" else "github"
        policy = keyless_policy(tip.policy, tmp_path / "policy", in_use, kind)
        others = keyless_policy(tip.policy, tmp_path / "others", in_use, other)

        layout = attached(tip, tmp_path / "layout", bundle)

        assert judge(tip, layout, only_provenance(policy)).evidence
        with pytest.raises(MinisealError) as error:
            judge(tip, layout, others)
        assert error.value.code == "identity-mismatch"

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_a_file(self, version: str, in_use: PrivateSigstore, sigstore_js: SigstoreJs) -> None:
        config = in_use.signing_config if version == "v2" else in_use.signing_config_v1
        root = in_use.trusted_root.read_bytes()
        bundle = sigstore_js.sign_file_as(b"content", in_use.token("github"), config)

        signed = verify_blob(bundle, Blob.of(b"content"), root)

        assert signed.identity is not None
        assert signed.identity.subject == in_use.identity("github")
        with pytest.raises(MinisealError) as error:
            verify_blob(bundle, Blob.of(b"other"), root)
        assert error.value.code == "digest-mismatch"
