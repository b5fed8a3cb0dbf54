"""We verify what cosign writes: into a registry, and as files."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kit.cosign import Cosign
from kit.exchange import (
    SOMETHING,
    TYPES,
    CosignKey,
    Published,
    bare,
    keyless_policy,
    only_provenance,
    owned_policy,
    policy_with_key,
    sign_something,
)
from kit.registries import Registry
from kit.sigstore import PrivateSigstore
from miniseal.formats.errors import MinisealError
from miniseal.registry import LayoutStore, attach
from miniseal.verifier import Policy, Verdict, verify
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.blob import Blob, verify_blob, verify_blob_with_key
from miniseal.verifier.signatures.keys import PublicKey

APP = "com.example.tip"
PROVENANCE = TYPES["provenance"]
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
OTHER_CALLER = {"repository": "mallory/app", "repository_id": "6", "repository_owner_id": "66"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A package in a registry, what cosign adds to it, and the way back."""

    release: Published
    cosign: Cosign
    registry: Registry
    repository: str
    folder: Path

    @property
    def reference(self) -> str:
        return self.registry.reference(self.repository, self.release.digest)

    def predicate(self, kind: str, number: int = 0) -> Path:
        """A predicate of the release, in a file."""
        path = self.folder / "predicate.json"
        path.write_text(json.dumps(self.release.said(kind)[number].statement["predicate"]))
        return path

    def attest(self, kind: str, *how: str | Path) -> None:
        """Have cosign sign what the release said."""
        for number in range(len(self.release.said(kind))):
            predicate = self.predicate(kind, number)
            words = ("--type", kind, "--predicate", predicate, self.reference)
            self.cosign("attest", *how, *words).ok()

    def back(self) -> Path:
        """A layout with what the registry has now."""
        layout = self.folder / "back"
        self.registry.pull(self.repository, layout)
        return layout

    def judge(self, policy: Path) -> Verdict:
        return judge(self.release, self.back(), policy)


@pytest.fixture
def exchange(
    tip: Published,
    registry: Registry,
    cosign: Cosign,
    tmp_path: Path,
) -> Exchange:
    """The package without any evidence, in a repository of its own."""
    repository = tmp_path.name.lower().replace("_", "-")
    registry.push(tip.layout, repository, bare=True)
    return Exchange(
        release=tip, cosign=cosign, registry=registry, repository=repository, folder=tmp_path
    )


@pytest.fixture
def alone(sigstore: PrivateSigstore, tmp_path: Path) -> tuple[str | Path, ...]:
    """What tells cosign to sign without a log and timestamps."""
    config = tmp_path / "nothing.json"
    media_type = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
    config.write_text(json.dumps({"mediaType": media_type}))
    return ("--signing-config", config, "--trusted-root", sigstore.trusted_root)


@pytest.fixture
def logged(in_use: PrivateSigstore) -> tuple[str | Path, ...]:
    """What tells cosign to sign with Rekor 2 and timestamps."""
    return (
        *("--signing-config", in_use.signing_config),
        *("--trusted-root", in_use.trusted_root),
    )


@pytest.fixture
def identified(in_use: PrivateSigstore, tmp_path: Path) -> Callable[..., tuple[str | Path, ...]]:
    """What tells cosign to sign as somebody: `identified("github", "v2", repository_id="6")`."""

    def words(kind: str, version: str, **claims: str) -> tuple[str | Path, ...]:
        token = tmp_path / "token"
        token.write_text(in_use.token(kind, **claims))
        config = in_use.signing_config if version == "v2" else in_use.signing_config_v1
        return (
            *("--identity-token", token, "--signing-config", config),
            *("--trusted-root", in_use.trusted_root),
        )

    return words


def judge(release: Published, layout: Path, policy: Path) -> Verdict:
    """The verdict of our verifier."""
    store = LayoutStore(layout)
    return verify(APP, store, release.tag, Policy.load(policy), now=time.time())


def refusal(release: Published, layout: Path, policy: Path) -> str:
    """The code of its error."""
    with pytest.raises(MinisealError) as error:
        judge(release, layout, policy)
    return error.value.code


class TestKey:
    def test_every_statement(
        self,
        exchange: Exchange,
        cosign_key: CosignKey,
        alone: tuple[str | Path, ...],
        tmp_path: Path,
    ) -> None:
        for kind in TYPES.values():
            exchange.attest(kind, "--key", cosign_key.private, *alone)
        policy = policy_with_key(exchange.release.policy, tmp_path / "policy", cosign_key.public)

        verdict = exchange.judge(policy)

        assert {each.predicate_type for each in verdict.evidence} == set(TYPES.values())

    def test_a_statement_in_our_words(
        self,
        exchange: Exchange,
        cosign_key: CosignKey,
        alone: tuple[str | Path, ...],
        tmp_path: Path,
    ) -> None:
        said = exchange.release.said(PROVENANCE)[0]
        statement = tmp_path / "statement.json"
        statement.write_bytes(said.payload)
        words = ("--key", cosign_key.private, *alone, "--statement", statement)
        policy = only_provenance(
            policy_with_key(exchange.release.policy, tmp_path / "policy", cosign_key.public)
        )

        layout = attest_blob(exchange, *words)

        assert judge(exchange.release, layout, policy).evidence
        (written,) = Published(layout=layout, policy=tmp_path).said(PROVENANCE)
        assert written.payload == said.payload

    def test_a_statement_in_a_log(
        self,
        exchange: Exchange,
        cosign_key: CosignKey,
        logged: tuple[str | Path, ...],
        tmp_path: Path,
    ) -> None:
        exchange.attest(PROVENANCE, "--key", cosign_key.private, *logged)
        policy = only_provenance(
            policy_with_key(exchange.release.policy, tmp_path / "policy", cosign_key.public)
        )

        layout = exchange.back()

        assert judge(exchange.release, layout, policy).evidence
        (written,) = Published(layout=layout, policy=tmp_path).said(PROVENANCE)
        assert len(written.bundle["verificationMaterial"]["tlogEntries"]) == 1

    def test_a_registry_without_the_referrers_api(
        self,
        exchange: Exchange,
        old_registry: Registry,
        cosign_key: CosignKey,
        alone: tuple[str | Path, ...],
        tmp_path: Path,
    ) -> None:
        release = exchange.release
        old_registry.push(release.layout, exchange.repository)
        there = replace(exchange, registry=old_registry)
        policy = only_provenance(
            policy_with_key(release.policy, tmp_path / "policy", cosign_key.public)
        )

        there.attest(PROVENANCE, "--key", cosign_key.private, *alone)
        layout = there.back()

        assert judge(release, layout, policy).evidence
        assert judge(release, layout, release.policy / "policy.toml").evidence

    def test_a_signature_publishes(
        self,
        exchange: Exchange,
        sigstore: PrivateSigstore,
        cosign_key: CosignKey,
        alone: tuple[str | Path, ...],
        tmp_path: Path,
    ) -> None:
        release = exchange.release
        policy = owned_policy(release.policy, tmp_path / "policy", sigstore, cosign_key.public)
        exchange.registry.push(release.layout, exchange.repository)

        exchange.cosign("sign", "--key", cosign_key.private, *alone, exchange.reference).ok()

        assert refusal(release, release.layout, policy) == "publisher-missing"
        assert SIGNATURE in {each.predicate_type for each in exchange.judge(policy).evidence}

    def test_another_key_is_refused(
        self,
        exchange: Exchange,
        cosign_key: CosignKey,
        alone: tuple[str | Path, ...],
    ) -> None:
        exchange.attest(PROVENANCE, "--key", cosign_key.private, *alone)

        code = refusal(exchange.release, exchange.back(), exchange.release.policy / "policy.toml")

        assert code == "identity-mismatch"

    def test_a_file(
        self,
        exchange: Exchange,
        cosign_key: CosignKey,
        alone: tuple[str | Path, ...],
        tmp_path: Path,
    ) -> None:
        words = ("--type", PROVENANCE, "--predicate", exchange.predicate(PROVENANCE))
        layout = attest_blob(exchange, "--key", cosign_key.private, *alone, *words)
        policy = only_provenance(
            policy_with_key(exchange.release.policy, tmp_path / "policy", cosign_key.public)
        )

        assert judge(exchange.release, layout, policy).evidence

    def test_a_file_with_a_bare_signature(
        self, cosign: Cosign, cosign_key: CosignKey, logged: tuple[str | Path, ...], tmp_path: Path
    ) -> None:
        file, bundle = tmp_path / "file", tmp_path / "bundle.json"
        file.write_bytes(b"content")
        words = ("--key", cosign_key.private, *logged, "--bundle", bundle)
        cosign("sign-blob", *words, file).ok()
        key = PublicKey.from_pem(
            cosign_key.public.read_bytes(), what="cosign's key", code=POLICY_INVALID
        )

        verify_blob_with_key(bundle.read_bytes(), Blob.of(b"content"), key)

        with pytest.raises(MinisealError) as error:
            verify_blob_with_key(bundle.read_bytes(), Blob.of(b"other"), key)
        assert error.value.code == "digest-mismatch"


class TestKeyless:
    @pytest.mark.parametrize("kind", ["email", "github"])
    def test_a_signature_publishes(
        self,
        kind: str,
        exchange: Exchange,
        sigstore: PrivateSigstore,
        identified: Callable[..., tuple[str | Path, ...]],
        tmp_path: Path,
    ) -> None:
        release = exchange.release
        policy = owned_policy(release.policy, tmp_path / "policy", sigstore, kind)
        exchange.registry.push(release.layout, exchange.repository)

        exchange.cosign("sign", *identified(kind, "v1"), exchange.reference).ok()

        assert refusal(release, release.layout, policy) == "publisher-missing"
        assert SIGNATURE in {each.predicate_type for each in exchange.judge(policy).evidence}

    @pytest.mark.parametrize("version", ["v1", "v2"])
    @pytest.mark.parametrize("kind", ["email", "github"])
    def test_a_statement(
        self,
        kind: str,
        version: str,
        exchange: Exchange,
        sigstore: PrivateSigstore,
        identified: Callable[..., tuple[str | Path, ...]],
        tmp_path: Path,
    ) -> None:
        exchange.attest(PROVENANCE, *identified(kind, version))
        base = exchange.release.policy
        own, other = ("email", "github") if kind == "email" else ("github", "email")
        policy = keyless_policy(base, tmp_path / "policy", sigstore, own)
        others = keyless_policy(base, tmp_path / "others", sigstore, other)

        layout = exchange.back()

        assert judge(exchange.release, layout, only_provenance(policy)).evidence
        assert refusal(exchange.release, layout, others) == "identity-mismatch"

    def test_a_registry_without_the_referrers_api(
        self,
        exchange: Exchange,
        old_registry: Registry,
        sigstore: PrivateSigstore,
        identified: Callable[..., tuple[str | Path, ...]],
        tmp_path: Path,
    ) -> None:
        old_registry.push(exchange.release.layout, exchange.repository, bare=True)
        there = replace(exchange, registry=old_registry)
        policy = keyless_policy(exchange.release.policy, tmp_path / "policy", sigstore, "github")

        there.attest(PROVENANCE, *identified("github", "v1"))

        assert there.judge(only_provenance(policy)).evidence

    def test_another_caller_of_the_same_workflow(
        self,
        exchange: Exchange,
        sigstore: PrivateSigstore,
        identified: Callable[..., tuple[str | Path, ...]],
        tmp_path: Path,
    ) -> None:
        exchange.attest(PROVENANCE, *identified("github", "v1", **OTHER_CALLER))
        base = exchange.release.policy
        policy = keyless_policy(base, tmp_path / "policy", sigstore, "github")
        theirs = {"source_repository_id": "6", "source_owner_id": "66"}
        mallory = keyless_policy(base, tmp_path / "mallory", sigstore, "github", theirs)

        layout = exchange.back()

        assert refusal(exchange.release, layout, policy) == "identity-mismatch"
        assert judge(exchange.release, layout, only_provenance(mallory)).evidence

    def test_a_file(
        self,
        exchange: Exchange,
        sigstore: PrivateSigstore,
        identified: Callable[..., tuple[str | Path, ...]],
        tmp_path: Path,
    ) -> None:
        words = ("--type", PROVENANCE, "--predicate", exchange.predicate(PROVENANCE))
        layout = attest_blob(exchange, *identified("email", "v1"), *words)
        policy = keyless_policy(exchange.release.policy, tmp_path / "policy", sigstore, "email")

        assert judge(exchange.release, layout, only_provenance(policy)).evidence

    def test_a_file_with_a_bare_signature(
        self,
        cosign: Cosign,
        sigstore: PrivateSigstore,
        identified: Callable[..., tuple[str | Path, ...]],
        tmp_path: Path,
    ) -> None:
        file, bundle = tmp_path / "file", tmp_path / "bundle.json"
        file.write_bytes(b"content")
        cosign("sign-blob", *identified("email", "v2"), "--bundle", bundle, file).ok()
        root = sigstore.trusted_root.read_bytes()

        signed = verify_blob(bundle.read_bytes(), Blob.of(b"content"), root)

        assert signed.identity is not None
        assert signed.identity.subject == sigstore.identity("email")
        with pytest.raises(MinisealError) as error:
            verify_blob(bundle.read_bytes(), Blob.of(b"other"), root)
        assert error.value.code == "digest-mismatch"


def attest_blob(exchange: Exchange, *how: str | Path) -> Path:
    """A layout where what cosign wrote about the package's manifest, as a file, is attached."""
    release, folder = exchange.release, exchange.folder
    manifest, bundle = folder / "manifest.json", folder / "bundle.json"
    manifest.write_bytes(release.manifest)
    exchange.cosign("attest-blob", *how, "--bundle", bundle, manifest).ok()
    layout = bare(release, folder / "layout")
    store = LayoutStore(layout)
    attach(store, store.resolve(release.digest), bundle.read_bytes(), PROVENANCE)
    return layout


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_first_entry_of_a_log_is_read(
    version: str, sigstore: PrivateSigstore, tmp_path: Path
) -> None:
    """cosign leaves its index out, for it is 0."""
    with PrivateSigstore(sigstore.programs) as empty:
        cosign = Cosign(empty.programs / "cosign", empty)
        bundle = tmp_path / "bundle.json"
        sign_something(empty, cosign, tmp_path, version, bundle)
        root = empty.trusted_root.read_bytes()

    assert b'"logIndex"' not in bundle.read_bytes()
    verify_blob(bundle.read_bytes(), Blob.of(SOMETHING), root)
