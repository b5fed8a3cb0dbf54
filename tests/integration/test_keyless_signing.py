"""Signing with an identity, against a private Sigstore that runs on loopback."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from id._internal.oidc import ambient

from kit.commands import Run, run_miniseal
from kit.layouts import attached, tags
from kit.sigstore import PrivateSigstore
from miniseal.attestations import KeylessSigner, sign_statement
from miniseal.attestations.signers.token import Tokens
from miniseal.formats.errors import EnvironmentalError, MinisealError, UsageError
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

    def test_an_identity_shows_itself_to_people_and_programs(
        self, inside: PrivateSigstore
    ) -> None:
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

        signer = KeylessSigner.open(
            trust_config=inside.trust_config.read_bytes(), interactive=True
        )

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

    @pytest.mark.parametrize(
        ("claims", "code"),
        [({}, None), ({"job_workflow_ref": "acme/other/.github/w.yml@main"}, "signature-wrong")],
        ids=["the same", "another"],
    )
    def test_a_ci_systems_next_token_has_to_be_of_the_same_identity(
        self,
        inside: PrivateSigstore,
        monkeypatch: pytest.MonkeyPatch,
        claims: dict[str, object],
        code: str | None,
    ) -> None:
        for name, value in inside.actions_environ(exp=int(time.time()) + 2).items():
            monkeypatch.setenv(name, value)
        signer = later(KeylessSigner.open(trust_config=inside.trust_config.read_bytes()))
        assert signer.identity
        await_end(signer)
        for name, value in inside.actions_environ(**claims).items():
            monkeypatch.setenv(name, value)

        try:
            sign_statement(STATEMENT, signer)
        except MinisealError as error:
            assert error.code == code
        else:
            assert code is None


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
