"""Signing with an identity, against a private Sigstore that runs on loopback."""

import base64
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sigstore.models
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from id._internal.oidc import ambient

from kit.commands import Run, run_miniseal
from kit.layouts import attached, tags
from kit.sigstore import PrivateSigstore
from miniseal.attestations import KeylessSigner, sign_statement
from miniseal.attestations.signers.token import Tokens
from miniseal.formats.errors import EnvironmentalError, UsageError
from miniseal.formats.statement import Statement, Subject
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.keyless import KeylessVerifier

STATEMENT = Statement(
    subjects=(Subject.of("sha256:" + "ab" * 32),), predicate_type="t", predicate={"n": 1}
).to_bytes()
CI_VARIABLES = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "SIGSTORE_ID_TOKEN")
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may be a CI system's, or Google's."""
    for name in (*CI_VARIABLES, "GOOGLE_SERVICE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)

    def nowhere(_: str) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(ambient, "_open", nowhere)


@pytest.fixture
def inside(sigstore: PrivateSigstore) -> Iterator[PrivateSigstore]:
    with sigstore.inside():
        yield sigstore


def opened(stack: PrivateSigstore, kind: str = "email", **claims: object) -> KeylessSigner:
    return KeylessSigner.open(
        trust_config=stack.trust_config.read_bytes(), token=stack.token(kind, **claims)
    )


def changed(stack: PrivateSigstore, change: Change, *, version: int = 2) -> bytes:
    """The trust configuration with a change."""
    path = stack.trust_config if version > 1 else stack.trust_config_v1
    value = json.loads(path.read_bytes())
    change(value)
    return json.dumps(value).encode()


class TestSigning:
    @pytest.mark.parametrize("kind", ["email", "github"])
    @pytest.mark.parametrize("version", [2, 1])
    def test_a_host_knows_who_signed(
        self, inside: PrivateSigstore, kind: str, version: int
    ) -> None:
        config = inside.trust_config if version > 1 else inside.trust_config_v1
        signer = KeylessSigner.open(trust_config=config.read_bytes(), token=inside.token(kind))

        bundle = sign_statement(STATEMENT, signer)

        signed = KeylessVerifier(inside.trusted_root.read_bytes()).verify(bundle)
        assert signed.payload == STATEMENT
        assert signed.identity == CertificateIdentity.from_der(signer.identity.certificate)
        assert (signer.identity.issuer, signer.identity.subject) == (
            inside.issuer_url(kind),
            inside.identity(kind),
        )
        assert (signed.identity.issuer, signed.identity.subject) == (
            signer.identity.issuer,
            signer.identity.subject,
        )

    def test_an_identity_shows_itself_to_people_and_programs(self, inside: PrivateSigstore) -> None:
        signer = opened(inside)
        who, issuer = inside.identity("email"), inside.issuer_url("email")

        assert signer.name == str(signer.identity) == f"the identity {who} of {issuer}"
        assert signer.identity.to_json() == {"key": None, "issuer": issuer, "identity": who}

    def test_the_trusted_root_is_the_instances_own(self, inside: PrivateSigstore) -> None:
        signer = opened(inside)

        bundle = sign_statement(STATEMENT, signer)

        assert KeylessVerifier(signer.identity.trusted_root).verify(bundle).payload == STATEMENT

    def test_one_certificate_signs_everything(self, inside: PrivateSigstore) -> None:
        signer = opened(inside)

        certificates = {_certificate(sign_statement(STATEMENT, signer)) for _ in range(2)}

        assert len(certificates) == 1

    def test_many_threads_may_sign_at_once(self, inside: PrivateSigstore) -> None:
        signer = opened(inside)
        threads, found = [], list[bytes]()
        for _ in range(4):  # started here, not by a pool: they have to be inside as well
            work = threading.Thread(target=lambda: found.append(sign_statement(STATEMENT, signer)))
            work.start()
            threads.append(work)
        for thread in threads:
            thread.join()

        assert len(set(map(_certificate, found))) == 1
        assert len(set(found)) == 4

    def test_nothing_is_asked_for_before_something_is_signed(
        self, sigstore: PrivateSigstore
    ) -> None:
        signer = opened(sigstore)  # outside: nobody answers

        assert signer.name.startswith("the identity dev@miniseal.test")
        with pytest.raises(EnvironmentalError) as error:
            sign_statement(STATEMENT, signer)
        assert error.value.code == "signer-unavailable"


class TestTokens:
    def test_github_actions_gives_its_own(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in inside.actions_environ(repository_id="77").items():
            monkeypatch.setenv(name, value)
        signer = KeylessSigner.open(trust_config=inside.trust_config.read_bytes())

        identity = CertificateIdentity.from_der(signer.identity.certificate)

        assert identity.subject == inside.identity("github")
        assert identity.source_repository_id == "77"

    def test_a_bound_token_is_for_this_authority_alone(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in inside.actions_environ().items():
            monkeypatch.setenv(name, value)
        config = inside.trust_config.read_bytes()

        signer = KeylessSigner.open(trust_config=config, bound=True)

        identity = CertificateIdentity.from_der(signer.identity.certificate)
        assert identity.issuer == inside.issuer_url("bound")
        assert KeylessVerifier(inside.trusted_root.read_bytes()).verify(
            sign_statement(STATEMENT, signer)
        )

    def test_who_names_another_authority_gets_no_token_for_this_one(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The signer's own instance does not take what somebody else's authority was given."""
        for name, value in inside.actions_environ().items():
            monkeypatch.setenv(name, value)
        sent: list[str] = []

        def elsewhere(value: dict[str, Any]) -> None:
            value["signingConfig"]["caUrls"][0]["url"] = "http://127.0.0.1:1/mallory"

        def took(self: Tokens, text: str) -> Any:
            sent.append(text)
            return read(self, text)

        read = Tokens._read
        monkeypatch.setattr(Tokens, "_read", took)
        KeylessSigner.open(trust_config=changed(inside, elsewhere), bound=True)
        (token,) = sent

        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=inside.trust_config.read_bytes(), token=token)
        assert error.value.code == "token-invalid"
        with pytest.raises(UsageError) as error:
            KeylessSigner.open(
                trust_config=inside.trust_config.read_bytes(), token=token, bound=True
            )
        assert error.value.code == "token-invalid"

    @pytest.mark.parametrize("first", ["sigstore", "ftp://a.example", "https:///a", "https://["])
    def test_a_token_is_bound_to_nothing_but_a_url(
        self, first: str, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in inside.actions_environ().items():
            monkeypatch.setenv(name, value)

        def elsewhere(value: dict[str, Any]) -> None:
            value["signingConfig"]["caUrls"][0]["url"] = first

        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=changed(inside, elsewhere), bound=True)

        assert error.value.code == "trust-config-invalid"

    def test_a_bound_token_does_not_go_to_the_authority_that_comes_next(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A configuration names authorities with times: another may be in use a second later."""
        for name, value in inside.actions_environ().items():
            monkeypatch.setenv(name, value)
        valid = sigstore.models.is_timerange_valid

        def two(value: dict[str, Any]) -> None:
            (now,) = value["signingConfig"]["caUrls"]
            now["validFor"] |= {"end": "2098-12-31T00:00:00Z"}
            period = {"start": "2099-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
            value["signingConfig"]["caUrls"] += [
                now | {"url": inside.issuer_url("email"), "validFor": period}
            ]

        def later(period: Any, *, allow_expired: bool) -> bool:
            if period.end is None:
                return valid(period, allow_expired=allow_expired)
            return period.start.year == 2099

        signer = KeylessSigner.open(trust_config=changed(inside, two), bound=True)
        monkeypatch.setattr("sigstore.models.is_timerange_valid", later)

        with pytest.raises(UsageError) as error:
            _ = signer.identity

        assert error.value.code == "trust-config-invalid"

    def test_gitlab_gives_its_own(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITLAB_CI", "true")
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", inside.token("email"))

        signer = KeylessSigner.open(trust_config=inside.trust_config.read_bytes())

        assert signer.identity.subject == inside.identity("email")

    def test_a_ci_system_that_gives_none_is_an_error(
        self, sigstore: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)

        with pytest.raises(EnvironmentalError, match="CI system") as error:
            KeylessSigner.open(trust_config=sigstore.trust_config.read_bytes())

        assert error.value.code == "signer-unavailable"
        assert "permissions" in str(error.value.found)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # their socket
    def test_somebody_logs_in_with_a_browser(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        browser = tmp_path / "browser"
        browser.write_text(
            f"#!{sys.executable}\n"
            "import sys, urllib.request\n"
            "urllib.request.urlopen(sys.argv[1]).read()\n"
        )
        browser.chmod(0o700)
        monkeypatch.setenv("BROWSER", str(browser))

        signer = KeylessSigner.open(trust_config=inside.trust_config.read_bytes(), interactive=True)

        assert signer.identity.subject == inside.identity("email")

    def test_nobody_to_ask_is_an_error(self, sigstore: PrivateSigstore) -> None:
        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=sigstore.trust_config.read_bytes())

        assert error.value.code == "token-missing"

    @pytest.mark.parametrize(
        ("claims", "found"),
        [
            ({"exp": 1_700_000_000}, "expired"),
            ({"nbf": 4_000_000_000}, "validity period"),
            ({"aud": "somebody"}, "Audience"),
            ({"sub": None}, "sub"),
        ],
        ids=["expired", "too early", "audience", "subject"],
    )
    def test_a_token_that_is_not_good_now_is_refused_at_once(
        self, sigstore: PrivateSigstore, claims: dict[str, object], found: str
    ) -> None:
        token = sigstore.token("email", **claims)

        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=sigstore.trust_config.read_bytes(), token=token)

        assert error.value.code == "token-invalid"
        assert found in str(error.value.found)
        assert token.split(".")[2] not in str(error.value)

    @pytest.mark.parametrize("token", ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 100_000])
    def test_what_is_no_token_is_refused(self, sigstore: PrivateSigstore, token: str) -> None:
        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=sigstore.trust_config.read_bytes(), token=token)

        assert error.value.code == "token-invalid"


class TestNewCertificate:
    def test_when_the_first_ends_another_is_asked_for(self, inside: PrivateSigstore) -> None:
        signer = later(opened(inside))

        certificates = {_certificate(sign_statement(STATEMENT, signer)) for _ in range(2)}

        assert len(certificates) == 2

    def test_it_takes_a_token_that_is_still_valid(self, inside: PrivateSigstore) -> None:
        signer = later(opened(inside, exp=int(time.time()) + 2))
        assert signer.identity
        await_end(signer)

        with pytest.raises(UsageError, match="ended before everything was signed") as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "token-invalid"

    def test_a_ci_system_gives_the_next_token(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signer = in_a_long_job(inside, monkeypatch)

        assert sign_statement(STATEMENT, signer)

    def test_a_next_token_of_another_identity_is_not_used(
        self, inside: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = "acme/other/.github/workflows/w.yml@refs/heads/main"
        signer = in_a_long_job(inside, monkeypatch, job_workflow_ref=other)

        with pytest.raises(EnvironmentalError, match="another identity") as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signature-wrong"
        assert other in str(error.value.found)


def _services(config: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = config["signingConfig"][name]
    assert found
    return found


def nowhere(name: str) -> Change:
    """A service where nobody listens."""

    def change(config: dict[str, Any]) -> None:
        _services(config, name)[0]["url"] = "http://127.0.0.1:9/"

    return change


def ended(name: str) -> Change:
    """A service whose time is over."""

    def change(config: dict[str, Any]) -> None:
        _services(config, name)[0]["validFor"] = {
            "start": "2020-01-01T00:00:00Z",
            "end": "2021-01-01T00:00:00Z",
        }

    return change


def any_timestamp(config: dict[str, Any]) -> None:
    ended("tsaUrls")(config)
    config["signingConfig"]["tsaConfig"] = {"selector": "ANY"}


def other_log(config: dict[str, Any]) -> None:
    """The trusted root knows the log by another key."""
    for log in config["trustedRoot"]["tlogs"]:
        log["publicKey"]["rawBytes"] = _other_key(log["publicKey"]["rawBytes"])


def _other_key(spki: str) -> str:
    data = base64.b64decode(spki)
    raw = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if isinstance(load_der_public_key(data), Ed25519PublicKey):
        other = Ed25519PrivateKey.generate().public_key().public_bytes(*raw)
    else:
        other = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*raw)
    return base64.b64encode(other).decode()


def other_ct(config: dict[str, Any]) -> None:
    """The trusted root knows no certificate log."""
    config["trustedRoot"]["ctlogs"] = []


class TestServices:
    @pytest.mark.parametrize("version", [2, 1])
    @pytest.mark.parametrize("name", ["caUrls", "rekorTlogUrls"])
    def test_one_that_does_not_answer_is_an_error(
        self, inside: PrivateSigstore, name: str, version: int
    ) -> None:
        config = changed(inside, nowhere(name), version=version)
        signer = KeylessSigner.open(trust_config=config, token=inside.token("email"))

        with pytest.raises(EnvironmentalError, match="Sigstore cannot be used") as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signer-unavailable"

    @pytest.mark.parametrize(
        ("version", "said"), [(2, "signed timestamp"), (1, "timestamp authority did not sign")]
    )
    def test_a_timestamp_authority_that_does_not_answer_is_an_error(
        self, inside: PrivateSigstore, version: int, said: str
    ) -> None:
        stamped = json.loads(inside.trust_config.read_bytes())["signingConfig"]

        def change(config: dict[str, Any]) -> None:
            config["signingConfig"]["tsaUrls"] = stamped["tsaUrls"]
            config["signingConfig"]["tsaConfig"] = stamped["tsaConfig"]
            nowhere("tsaUrls")(config)

        config = changed(inside, change, version=version)
        signer = KeylessSigner.open(trust_config=config, token=inside.token("email"))

        with pytest.raises(EnvironmentalError, match=said) as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signer-unavailable"

    def test_an_issuer_that_fulcio_does_not_know_is_an_error(self, inside: PrivateSigstore) -> None:
        signer = opened(inside, iss="https://issuer.example.com")

        with pytest.raises(EnvironmentalError) as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code == "signer-unavailable"
        assert "400" in str(error.value.found)

    @pytest.mark.parametrize("change", [other_log, other_ct])
    def test_a_trusted_root_that_is_of_another_instance_is_an_error(
        self, inside: PrivateSigstore, change: Change
    ) -> None:
        config = changed(inside, change)
        signer = KeylessSigner.open(trust_config=config, token=inside.token("email"))

        with pytest.raises(EnvironmentalError) as error:
            sign_statement(STATEMENT, signer)

        assert error.value.code in {"signer-unavailable", "signature-wrong"}

    @pytest.mark.parametrize(
        "change",
        [
            ended("caUrls"),
            ended("rekorTlogUrls"),
            ended("tsaUrls"),
            any_timestamp,
            lambda config: config.pop("signingConfig"),
            lambda config: config.pop("trustedRoot"),
            lambda config: config.update(mediaType="another"),
            lambda config: config["signingConfig"].update(mediaType="another"),
        ],
        ids=["fulcio", "rekor", "tsa", "any tsa", "no signing", "no root", "type", "signing type"],
    )
    def test_a_configuration_that_cannot_be_used_is_refused_at_once(
        self, sigstore: PrivateSigstore, change: Change
    ) -> None:
        with pytest.raises(UsageError) as error:
            KeylessSigner.open(
                trust_config=changed(sigstore, change), token=sigstore.token("email")
            )

        assert error.value.code == "trust-config-invalid"

    @pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"{" * 100_000])
    def test_what_is_no_configuration_is_refused(
        self, sigstore: PrivateSigstore, data: bytes
    ) -> None:
        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=data, token=sigstore.token("email"))

        assert error.value.code == "trust-config-invalid"

    def test_an_instance_without_a_login_is_no_place_to_log_in(
        self, sigstore: PrivateSigstore
    ) -> None:
        def change(config: dict[str, Any]) -> None:
            config["signingConfig"]["oidcUrls"] = []

        with pytest.raises(UsageError) as error:
            KeylessSigner.open(trust_config=changed(sigstore, change), interactive=True)

        assert error.value.code == "trust-config-invalid"


class TestCommandLine:
    APP = "com.example.tip"

    def test_a_release_is_signed_by_one_certificate_and_verified_by_itself(
        self,
        inside: PrivateSigstore,
        project: Callable[[str], Path],
        vulnerability_db: Path,
        tmp_path: Path,
    ) -> None:
        layout = tmp_path / "registry"

        released = self.run(
            inside,
            *("release", project("tip"), "--to", f"oci:{layout}"),
            *("--vulnerability-db", vulnerability_db),
        ).ok()

        assert released["published"] is True
        (version,) = [tag for tag in tags(layout) if "-" not in tag]
        found = attached(layout, tags(layout)[version])
        materials = [each.bundle["verificationMaterial"] for each in found]
        assert len({each["certificate"]["rawBytes"] for each in materials}) == 1
        assert all(each["tlogEntries"] for each in materials)
        assert len(found) == len(released["evidence"])

    def test_a_platform_that_names_the_workflow_admits_and_rescans(
        self,
        inside: PrivateSigstore,
        project: Callable[[str], Path],
        released: Path,
        vulnerability_db: Path,
        tmp_path: Path,
    ) -> None:
        layout, policy = tmp_path / "registry", self.platform(inside, released, tmp_path)
        database = ("--vulnerability-db", vulnerability_db)
        words = ("release", project("tip"), "--to", f"oci:{layout}", "--policy", policy)

        planned = self.run(inside, "plan", *words[1:], *database).ok()
        self.run(inside, *words, *database).ok()
        (version,) = [tag for tag in tags(layout) if "-" not in tag]
        reference = f"oci:{layout}:{version}"
        again = ("rescan", reference, "--policy", policy, "--again", *database)
        scanned = self.run(inside, *again).ok()

        assert planned["signer"].startswith("the identity repo:acme/app:ref:refs/heads/main of ")
        assert scanned["counts"]["good"] == 1
        assert scanned["packages"][0]["attached"] is not None
        verified = run_miniseal("verify", reference, "--app", self.APP, "--policy", policy).ok()
        assert {name for each in verified["evidence"] for name in each["signers"]} == {"publisher"}

    def test_a_rescan_by_another_workflow_is_refused(
        self,
        inside: PrivateSigstore,
        released: Path,
        vulnerability_db: Path,
        tmp_path: Path,
    ) -> None:
        policy = self.platform(inside, released, tmp_path)
        token = inside.token("github", repository_id="77")

        run = run_miniseal(
            *("rescan", f"oci:{released / 'registry-tip'}:1.2.0", "--policy", policy),
            *("--keyless", "--trust-config", inside.trust_config, "--identity-token", token),
            *("--vulnerability-db", vulnerability_db),
        )

        assert run.document["result"]["packages"][0]["error"]["code"] == "scan-signer-refused"

    @staticmethod
    def platform(stack: PrivateSigstore, released: Path, folder: Path) -> Path:
        """A policy that names the workflow where the released one names a key."""
        path = Path(shutil.copytree(released / "policy-tip", folder / "platform")) / "policy.toml"
        shutil.copy(stack.trusted_root, path.parent / "trusted_root.json")
        text = path.read_text()
        keys = next(line for line in text.splitlines() if line.startswith("keys = "))
        members = (
            f'issuer = "{stack.issuer_url("github")}"\nidentity = "{stack.identity("github")}"\n'
            'source_repository_id = "1001"\nsource_owner_id = "2002"'
        )
        trust = '[trust]\ntrusted_root = "trusted_root.json"\n\n[signer.publisher]'
        path.write_text(text.replace(keys, members).replace("[signer.publisher]", trust))
        return path

    @pytest.mark.parametrize("word", ["sign", "attest"])
    def test_a_statement_is_signed_by_an_identity(
        self, inside: PrivateSigstore, released: Path, tmp_path: Path, word: str
    ) -> None:
        layout = Path(shutil.copytree(released / "registry-tip", tmp_path / "registry"))
        (version,) = [tag for tag in tags(layout) if "-" not in tag]
        (tmp_path / "predicate.json").write_text("{}")
        said = ("--predicate", tmp_path / "predicate.json", "--type", "https://example.com/v1")

        result = self.run(
            inside, word, f"oci:{layout}:{version}", *(said if word == "attest" else ())
        ).ok()

        assert result["key"] is None
        assert result["identity"] == inside.identity("github")
        assert result["issuer"] == inside.issuer_url("github")

    def test_a_token_that_is_over_ends_a_release_before_it_begins(
        self,
        sigstore: PrivateSigstore,
        project: Callable[[str], Path],
        vulnerability_db: Path,
        tmp_path: Path,
    ) -> None:
        token = sigstore.token("email", exp=1_700_000_000)

        run = run_miniseal(
            *("release", project("tip"), "--to", f"oci:{tmp_path / 'registry'}", "--keyless"),
            *("--trust-config", sigstore.trust_config, "--identity-token", token),
            *("--vulnerability-db", vulnerability_db),
        )

        assert token not in str(run.refused("token-invalid", 2))
        assert not (tmp_path / "registry").exists()

    def test_a_service_that_fails_is_one_clear_error(
        self, inside: PrivateSigstore, released: Path, tmp_path: Path
    ) -> None:
        layout = Path(shutil.copytree(released / "registry-tip", tmp_path / "registry"))
        (version,) = [tag for tag in tags(layout) if "-" not in tag]
        config = tmp_path / "config.json"
        config.write_bytes(changed(inside, nowhere("tsaUrls")))

        run = run_miniseal(
            *("sign", f"oci:{layout}:{version}", "--keyless", "--trust-config", config),
            *("--identity-token", inside.token("email")),
        )

        run.refused("signer-unavailable", 2)
        assert run.stderr == ""

    @staticmethod
    def run(stack: PrivateSigstore, *words: str | Path) -> Run:
        return run_miniseal(
            *words,
            *("--keyless", "--trust-config", stack.trust_config),
            *("--identity-token", stack.token("github")),
        )


def in_a_long_job(
    stack: PrivateSigstore, monkeypatch: pytest.MonkeyPatch, **claims: object
) -> KeylessSigner:
    """A signer whose first token and certificate are over; the next has these claims."""
    for name, value in stack.actions_environ(exp=int(time.time()) + 2).items():
        monkeypatch.setenv(name, value)
    signer = later(KeylessSigner.open(trust_config=stack.trust_config.read_bytes()))
    assert signer.identity
    await_end(signer)
    for name, value in stack.actions_environ(**claims).items():
        monkeypatch.setenv(name, value)
    return signer


def later(signer: KeylessSigner) -> KeylessSigner:
    """A signer to whom every certificate is about to end."""
    return KeylessSigner(
        signer._config, signer._tokens, signer._token, clock=lambda: time.time() + 600
    )


def await_end(signer: KeylessSigner) -> None:
    while signer._token.in_validity_period():
        time.sleep(0.05)


def _certificate(bundle: bytes) -> str:
    found: str = json.loads(bundle)["verificationMaterial"]["certificate"]["rawBytes"]
    return found
