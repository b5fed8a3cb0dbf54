"""Keys in services: a token, AWS KMS and Vault as they speak; Google's and Azure's up to there."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from kit.commands import run_miniseal
from kit.kms import LABEL, PIN, Aws, aws_kms, digests_as_digests, make_token
from kit.layouts import attached, tags
from kit.transit import Transit, transit
from miniseal.attestations import KeySigner, open_signer, sign_statement
from miniseal.formats.bundle import Bundle
from miniseal.formats.errors import EnvironmentalError, MinisealError, UsageError
from miniseal.formats.statement import Statement, Subject
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey

STATEMENT = Statement(
    subjects=(Subject.of("sha256:" + "ab" * 32),), predicate_type="t", predicate={"n": 1}
).to_bytes()
HSM = f"hsm:2?label={LABEL}"


def no_one(what: str) -> str:
    raise AssertionError(what)


def signs(signer: KeySigner) -> bool:
    """Whether a host accepts what it signs, by the public key that it shows."""
    bundle = Bundle.from_bytes(sign_statement(STATEMENT, signer))
    key = PublicKey.from_pem(signer.public_pem, what="key", code=POLICY_INVALID)
    return key.verifies(bundle.envelope) and bundle.key_hint == key.hint


@pytest.fixture(scope="session")
def token_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One for the whole process: the library reads its configuration once."""
    return make_token(tmp_path_factory.mktemp("token"))


@pytest.fixture
def token(token_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in token_environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def aws_server() -> Iterator[Aws]:
    with aws_kms() as server:
        yield server


@pytest.fixture
def plain_aws(aws_server: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in aws_server.environ.items():
        monkeypatch.setenv(name, value)
    return aws_server


@pytest.fixture
def aws(plain_aws: Aws) -> Iterator[Aws]:
    with digests_as_digests():
        yield plain_aws


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    with transit() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.usefixtures("token")
class TestToken:
    @pytest.mark.parametrize(
        "uri",
        [
            HSM,
            "hsm:2",
            "hsm:",
            f"pkcs11:token={LABEL};id=%02",
            "pkcs11:id=%02;token=%6d%69niseal;type=private",
            "pkcs11:id=%02",
        ],
    )
    def test_a_host_accepts_what_it_signs(self, uri: str) -> None:
        signer = open_signer(uri, ask=lambda _: PIN)

        assert signs(signer)
        assert signer.public_pem == open_signer(HSM).public_pem

    def test_the_pin_is_asked_for_once(self) -> None:
        asked: list[str] = []

        def ask(what: str) -> str:
            asked.append(what)
            return PIN

        signer = open_signer(HSM, ask=ask)

        assert asked == [f"the PIN of {HSM}"]
        assert signs(signer)
        assert signs(signer)
        assert len(asked) == 1

    def test_many_threads_may_sign_at_once(self) -> None:
        signer = open_signer(HSM, ask=lambda _: PIN)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: signs(signer), range(24)))

    def test_a_public_key_is_shown_without_the_pin(self) -> None:
        signer = open_signer(HSM)

        assert signer.public_pem.startswith(b"-----BEGIN PUBLIC KEY-----\n")
        with pytest.raises(UsageError, match="nobody to ask") as error:
            signer.sign(b"data")
        assert error.value.code == "key-password"

    def test_a_hidden_public_key_takes_the_pin(self) -> None:
        with pytest.raises(UsageError) as error:
            open_signer("hsm:5")
        assert error.value.code == "key-password"

        assert signs(open_signer("hsm:5", ask=lambda _: PIN))

    @pytest.mark.parametrize("pin", ["000000", "1", ""])
    def test_a_wrong_pin_is_found_before_anything_is_signed(self, pin: str) -> None:
        with pytest.raises(UsageError, match="is wrong") as error:
            open_signer(HSM, ask=lambda _: pin)

        assert error.value.code == "key-password"

    @pytest.mark.parametrize(
        ("uri", "code", "found"),
        [
            ("hsm:2?label=another", "signer-unavailable", "No PKCS#11 token found"),
            ("hsm:9", "signer-unavailable", "could not find ECDSA key"),
            ("hsm:4", "signer-unavailable", "could not find ECDSA key"),
            ("hsm:3", "key-unsupported", "secp384r1"),
        ],
    )
    def test_a_key_that_cannot_be_used_is_refused(self, uri: str, code: str, found: str) -> None:
        with pytest.raises(MinisealError) as error:
            open_signer(uri, ask=lambda _: PIN)

        assert error.value.code == code
        assert found in str(error.value.found)

    def test_without_its_library_there_is_no_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PYKCS11LIB")

        with pytest.raises(EnvironmentalError) as error:
            open_signer(HSM, ask=lambda _: PIN)

        assert error.value.code == "signer-unavailable"
        assert "PYKCS11LIB" in str(error.value.found)


@pytest.mark.parametrize(
    "uri",
    [
        "hsm:two",
        "hsm:2?label=a&pin=1",
        "hsm:1234567890",
        "pkcs11:token=a;id=%02?pin-value=1234",
        "pkcs11:token=a;id=%02?module-path=/lib/x.so",
        "pkcs11:object=release",
        "pkcs11:id=%00%02",
        "pkcs11:id=",
        "pkcs11:id=%02;id=%03",
        "azurekms:vault/key",
        "azurekms://vault.example.com/keys/release",
        "azurekms://vault.vault.azure.net/keys/release/old",
        "hv:",
        "hv:../../sys",
        "hv:release/0",
        "hv:release/1/2",
        "hv:release?version=1",
    ],
)
def test_what_names_no_key_is_refused_before_anybody_is_asked(uri: str) -> None:
    with pytest.raises(EnvironmentalError, match="not the URI of a key") as error:
        open_signer(uri, ask=no_one)

    assert error.value.code == "signer-unavailable"
    assert "1234'" not in str(error.value)


class TestAws:
    @pytest.mark.parametrize(
        "name",
        [
            lambda arn, _: arn,
            lambda arn, _: arn.rpartition("/")[2],
            lambda _, alias: alias,
            lambda arn, _: f"///{arn}",
            lambda _, alias: f"///{alias}",
        ],
        ids=["arn", "id", "alias", "cosign's arn", "cosign's alias"],
    )
    def test_a_host_accepts_what_it_signs(self, aws: Aws, name: Callable[[str, str], str]) -> None:
        alias = f"alias/release-{uuid4()}"
        arn = aws.key(alias=alias)

        assert signs(open_signer(f"awskms:{name(arn, alias)}", ask=no_one))

    @pytest.mark.parametrize("spec", ["ECC_NIST_P384", "ECC_SECG_P256K1", "RSA_2048"])
    def test_a_key_of_another_kind_is_refused(self, aws: Aws, spec: str) -> None:
        with pytest.raises(UsageError) as error:
            open_signer(f"awskms:{aws.key(spec)}")

        assert error.value.code == "key-unsupported"

    def test_a_key_that_is_not_there_is_refused(self, aws: Aws) -> None:
        del aws
        with pytest.raises(EnvironmentalError) as error:
            open_signer("awskms:alias/nothing")

        assert error.value.code == "signer-unavailable"
        assert "NotFoundException" in str(error.value.found)

    def test_a_key_that_is_gone_signs_nothing(self, aws: Aws) -> None:
        arn = aws.key()
        signer = open_signer(f"awskms:{arn}")
        aws.delete(arn)

        with pytest.raises(EnvironmentalError) as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signer-unavailable"

    def test_a_signature_over_something_else_is_not_used(self, plain_aws: Aws) -> None:
        signer = open_signer(f"awskms:{plain_aws.key()}")

        with pytest.raises(EnvironmentalError, match="does not verify") as error:
            sign_statement(STATEMENT, signer)  # moto as it is hashes the digest again

        assert error.value.code == "signature-wrong"

    def test_nobody_at_the_address_is_an_error(
        self, aws: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del aws
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")

        with pytest.raises(EnvironmentalError) as error:
            open_signer("awskms:alias/release")

        assert error.value.code == "signer-unavailable"


class TestVault:
    @pytest.mark.parametrize("p256", [True, False])
    def test_a_host_accepts_what_it_signs(self, vault: Transit, p256: bool) -> None:
        vault.rotate("release", p256=p256)

        assert signs(open_signer("hv:release", ask=no_one))

    @pytest.mark.parametrize("p256", [True, False])
    def test_the_newest_version_is_the_highest_number(self, vault: Transit, p256: bool) -> None:
        for _ in range(11):
            vault.rotate("release", p256=p256)

        newest = open_signer("hv:release")

        assert newest.public_pem == open_signer("hv:release/11").public_pem
        assert signs(newest)

    def test_a_version_stays_the_same_when_the_key_is_rotated(self, vault: Transit) -> None:
        vault.rotate("release")
        first, newest = open_signer("hv:release/1"), open_signer("hv:release")
        vault.rotate("release")

        assert signs(first)
        assert signs(newest)
        assert first.public_pem == newest.public_pem != open_signer("hv:release").public_pem

    @pytest.mark.parametrize("kind", ["rsa-2048", "ecdsa-p384", "aes256-gcm96", "ml-dsa"])
    def test_a_key_of_another_kind_is_refused(self, vault: Transit, kind: str) -> None:
        vault.rotate("release")
        vault.kinds["release"] = kind

        with pytest.raises(UsageError) as error:
            open_signer("hv:release")

        assert (error.value.code, error.value.found) == ("key-unsupported", kind)

    @pytest.mark.parametrize(
        ("uri", "said"),
        [("hv:nothing", "InvalidPath"), ("hv:release/2", "a version that Vault does not have")],
    )
    def test_a_key_that_is_not_there_is_refused(self, vault: Transit, uri: str, said: str) -> None:
        vault.rotate("release")

        with pytest.raises(EnvironmentalError) as error:
            open_signer(uri)

        assert error.value.code == "signer-unavailable"
        assert said in str(error.value)

    def test_a_token_that_may_not_is_refused_and_not_shown(
        self, vault: Transit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vault.rotate("release")
        monkeypatch.setenv("VAULT_TOKEN", "hvs.another")

        with pytest.raises(EnvironmentalError) as error:
            open_signer("hv:release")

        assert error.value.code == "signer-unavailable"
        assert "Forbidden" in str(error.value.found)
        assert "hvs." not in str(error.value)

    @pytest.mark.parametrize(
        "answer",
        [
            (200, b""),
            (200, b"[]"),
            (200, b'{"data":{}}'),
            (200, b'{"data":{"type":"ed25519","keys":{}}}'),
            (200, b'{"data":{"type":"ed25519","keys":{"x":{}}}}'),
            (200, b'{"data":{"type":"ed25519","keys":{"1":{"public_key":"AAAA"}}}}'),
            (200, b'{"data":{"type":"ecdsa-p256","keys":{"1":{"public_key":"AAAA"}}}}'),
            (500, b"no json"),
        ],
    )
    def test_an_answer_that_makes_no_sense_is_an_error(
        self, vault: Transit, answer: tuple[int, bytes]
    ) -> None:
        vault.answer = answer

        with pytest.raises(EnvironmentalError) as error:
            open_signer("hv:release")

        assert error.value.code == "signer-unavailable"

    @pytest.mark.parametrize(
        ("signature", "code"),
        [
            ("vault:v1:" + base64.b64encode(b"s" * 64).decode(), "signature-wrong"),
            ("vault:v1", "signer-unavailable"),
            ("", "signer-unavailable"),
        ],
    )
    def test_a_signature_that_is_none_is_not_used(
        self, vault: Transit, signature: str, code: str
    ) -> None:
        vault.rotate("release")
        signer = open_signer("hv:release")
        vault.answer = (200, f'{{"data":{{"signature":"{signature}"}}}}'.encode())

        with pytest.raises(EnvironmentalError) as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == code

    def test_another_key_under_the_same_name_is_noticed(self, vault: Transit) -> None:
        vault.rotate("release")
        signer = open_signer("hv:release")
        del vault.keys["release"]
        vault.rotate("release")

        with pytest.raises(EnvironmentalError) as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signature-wrong"


def test_google_without_credentials_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    for start in ("gcpkms:", "gcpkms://"):
        with pytest.raises(EnvironmentalError) as error:
            open_signer(f"{start}projects/p/locations/l/keyRings/r/cryptoKeys/k")
        assert error.value.code == "signer-unavailable"
        assert "DefaultCredentialsError" in str(error.value.found)


class TestCommandLine:
    APP = "com.example.tip"

    @pytest.mark.usefixtures("token")
    def test_a_release_is_signed_by_a_token(
        self, project: Callable[[str], Path], vulnerability_db: Path, tmp_path: Path
    ) -> None:
        source, layout = project("tip"), tmp_path / "registry"
        shown = run_miniseal("keys", "show", HSM).ok()
        (tmp_path / "token.pub").write_text(shown["public_key"])
        policy = tmp_path / "platform" / "policy.toml"
        run_miniseal("policy", "init", source, "--key", tmp_path / "token.pub", "-o", policy).ok()

        run_miniseal(
            *("release", source, "--to", f"oci:{layout}", "--key", HSM),
            *("--policy", policy, "--vulnerability-db", vulnerability_db),
            env={"MINISEAL_KEY_PASSWORD": PIN},
        ).ok()

        (version,) = [tag for tag in tags(layout) if "-" not in tag]
        run_miniseal(
            "verify", f"oci:{layout}:{version}", "--app", self.APP, "--policy", policy
        ).ok()
        bundles = attached(layout, tags(layout)[version])
        hints = {each.bundle["verificationMaterial"]["publicKey"]["hint"] for each in bundles}
        assert hints == {shown["hint"]}

    @pytest.mark.usefixtures("token")
    def test_a_release_with_a_wrong_pin_ends_before_it_begins(
        self, project: Callable[[str], Path], vulnerability_db: Path, tmp_path: Path
    ) -> None:
        run = run_miniseal(
            *("release", project("tip"), "--to", f"oci:{tmp_path / 'registry'}", "--key", HSM),
            *("--vulnerability-db", vulnerability_db),
            env={"MINISEAL_KEY_PASSWORD": "000000"},
        )

        assert "000000" not in str(run.refused("key-password", 2))
        assert not (tmp_path / "registry").exists()
        assert run.stderr == ""

    def test_a_statement_is_signed_by_vault(
        self, vault: Transit, released: Path, tmp_path: Path
    ) -> None:
        vault.rotate("scans", p256=True)
        shutil.copytree(released / "registry-tip", tmp_path / "registry")
        (tmp_path / "predicate.json").write_text(json.dumps({"looked": True}))
        (version,) = [tag for tag in tags(tmp_path / "registry") if "-" not in tag]
        reference = f"oci:{tmp_path / 'registry'}:{version}"

        result = run_miniseal(
            *("attest", reference, "--predicate", tmp_path / "predicate.json"),
            *("--type", "https://example.com/look/v1", "--key", "hv:scans"),
        ).ok()

        assert result["key"] == run_miniseal("keys", "show", "hv:scans").ok()["hint"]

    def test_aws_shows_its_key(self, aws: Aws) -> None:
        arn = aws.key()

        shown = run_miniseal("keys", "show", f"awskms:{arn}").ok()

        assert shown["public_key"].encode() == open_signer(f"awskms:{arn}").public_pem

    def test_a_package_is_signed_as_cosign_does(self, released: Path, tmp_path: Path) -> None:
        layout = Path(shutil.copytree(released / "registry-tip", tmp_path / "registry"))
        (version,) = [tag for tag in tags(layout) if "-" not in tag]
        before = {each.kind for each in attached(layout, tags(layout)[version])}

        result = run_miniseal(
            "sign", f"oci:{layout}:{version}", "--key", released / "publisher.key"
        ).ok()

        kind = "https://sigstore.dev/cosign/sign/v1"
        assert result["predicate_type"] == kind
        assert result["package"] == tags(layout)[version]
        found = {each.kind for each in attached(layout, tags(layout)[version])}
        assert found - before == {kind}
        policy = released / "policy-tip" / "policy.toml"
        run_miniseal(
            *("verify", f"oci:{layout}:{version}", "--app", self.APP, "--policy", policy)
        ).ok()
