"""The private Sigstore that keyless tests stand on: what it gives, and that nothing of it stays."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509

from kit.cosign import Cosign
from kit.killing import nothing_survives
from kit.network import Network
from kit.sigstore import PrivateSigstore
from services import programs

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
DIGEST = "ab" * 32
STATEMENT = json.dumps(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {"sha256": DIGEST}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {},
    }
).encode()
SOURCE_REPOSITORY_ID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.15")
CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', 5555), 5); print('there')"


def sign(sigstore: PrivateSigstore, trust_config: Path, token: str) -> str:
    """What sigstore-python makes of a statement."""
    from sigstore.dsse import Statement
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

    context = SigningContext.from_trust_config(
        ClientTrustConfig.from_json(trust_config.read_text())
    )
    with sigstore.inside(), context.signer(IdentityToken(token)) as signer:
        return signer.sign_dsse(Statement(STATEMENT)).to_json()


def certificate(bundle: str) -> x509.Certificate:
    from sigstore.models import Bundle

    return Bundle.from_json(bundle).signing_certificate


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("kind", ["email", "github"])
def test_what_sigstore_python_signs_it_and_cosign_verify(
    sigstore: PrivateSigstore, cosign: Cosign, tmp_path: Path, kind: str, version: str
) -> None:
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity

    config = sigstore.trust_config if version == "v2" else sigstore.trust_config_v1
    signed = sign(sigstore, config, sigstore.token(kind))

    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(sigstore.trusted_root)))
    who = Identity(identity=sigstore.identity(kind), issuer=sigstore.issuer_url(kind))
    assert verifier.verify_dsse(Bundle.from_json(signed), who)[1] == STATEMENT
    (tmp_path / "bundle").write_text(signed)
    cosign(
        *("verify-blob-attestation", "--bundle", tmp_path / "bundle", "--type", PREDICATE_TYPE),
        *("--trusted-root", sigstore.trusted_root, "--certificate-identity", who._identity),
        *("--certificate-oidc-issuer", sigstore.issuer_url(kind)),
        *("--digest", DIGEST, "--digestAlg", "sha256"),
    ).ok()


class TestTokens:
    def test_a_claim_reaches_the_certificate(self, sigstore: PrivateSigstore) -> None:
        reference = "acme/shared/.github/workflows/seal.yml@refs/tags/v1"
        token = sigstore.token("github", repository_id="77", job_workflow_ref=reference)

        found = certificate(sign(sigstore, sigstore.trust_config_v1, token))

        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
            f"https://github.com/{reference}"
        ]
        said = found.extensions.get_extension_for_oid(SOURCE_REPOSITORY_ID).value
        assert isinstance(said, x509.UnrecognizedExtension)
        assert said.value == b"\x0c\x0277"

    def test_a_job_of_actions_gets_its_token(
        self, sigstore: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sigstore.oidc import IdentityToken, detect_credential

        for name, value in sigstore.actions_environ(sub="repo:acme/other").items():
            monkeypatch.setenv(name, value)
        with sigstore.inside():
            token = detect_credential()

        assert token is not None
        assert IdentityToken(token).issuer == sigstore.issuer_url("github")
        assert IdentityToken(token).identity == "repo:acme/other"

    def test_another_job_gets_none(
        self, sigstore: PrivateSigstore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sigstore.oidc import IdentityError, detect_credential

        for name, value in sigstore.actions_environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "guess")

        with sigstore.inside(), pytest.raises(IdentityError, match="403"):
            detect_credential()

    def test_a_browser_brings_a_code_for_one_token(self, sigstore: PrivateSigstore) -> None:
        from sigstore.oidc import IdentityToken

        class Stop(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: object) -> None:
                return None

        issuer = sigstore.issuer_url("email")
        browser = urllib.request.build_opener(Stop)
        visit = f"{issuer}/auth?state=s1&redirect_uri=http://127.0.0.1:1/back"
        with sigstore.inside():
            with pytest.raises(urllib.error.HTTPError) as there:
                browser.open(visit)
            back = parse_qs(urlsplit(there.value.headers["Location"]).query)
            there.value.close()
            form = f"grant_type=authorization_code&code={back['code'][0]}".encode()
            with browser.open(f"{issuer}/token", form) as answer:
                token = json.load(answer)["id_token"]
            with pytest.raises(urllib.error.HTTPError) as again:
                browser.open(f"{issuer}/token", form)
            again.value.close()

        assert back["state"] == ["s1"]
        assert IdentityToken(token).identity == sigstore.identity("email")
        assert again.value.code == 400


class TestNetwork:
    def test_only_who_is_inside_reaches_it(self, sigstore: PrivateSigstore) -> None:
        outside = subprocess.run([sys.executable, "-c", CONNECT], capture_output=True, check=False)
        with sigstore.inside():
            inside = subprocess.run(
                [sys.executable, "-c", CONNECT], capture_output=True, check=False
            )

        assert b"ConnectionRefusedError" in outside.stderr
        assert inside.stdout == b"there\n"

    def test_who_is_inside_reaches_nothing_else(self, sigstore: PrivateSigstore) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            with sigstore.inside():
                assert socket.if_nameindex() == [(1, "lo")]
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(listener.getsockname(), 5)
                with pytest.raises(OSError, match="unreachable"):
                    socket.create_connection(("192.0.2.1", 80), 5)

            socket.create_connection(listener.getsockname(), 5).close()

    def test_other_threads_stay_where_they_are(self) -> None:
        own = Path("/proc/thread-self/ns/net")
        seen: list[str] = []
        network, entered, looked = Network(), threading.Event(), threading.Event()

        def look() -> None:
            entered.wait(10)
            seen.append(str(own.readlink()))
            looked.set()

        outside = threading.Thread(target=look)
        outside.start()
        before = str(own.readlink())
        with network.inside():
            inside = str(own.readlink())
            entered.set()
            looked.wait(10)
        outside.join()
        network.close()

        assert seen == [before]
        assert inside != before
        assert str(own.readlink()) == before


class TestEnd:
    def test_a_stopped_stack_leaves_nothing(self, sigstore: PrivateSigstore) -> None:
        open_before = len(list(Path("/proc/self/fd").iterdir()))
        with nothing_survives(), PrivateSigstore(sigstore.programs) as own:
            assert own.trust_config_v1.is_file()

        assert not own.folder.exists()
        assert len(list(Path("/proc/self/fd").iterdir())) == open_before

    def test_a_stack_dies_with_its_starter(self, tmp_path: Path) -> None:
        script = (
            "import time; from kit.sigstore import PrivateSigstore; from services import programs\n"
            "with PrivateSigstore(programs.SIGSTORE.entry()) as stack:\n"
            "    print(stack.folder, flush=True); time.sleep(60)\n"
        )
        with (
            nothing_survives(),
            subprocess.Popen(
                [sys.executable, "-c", script],
                stdout=subprocess.PIPE,
                text=True,
                env={
                    **os.environ,
                    "PYTHONPATH": str(Path(__file__).parent.parent),
                    "TMPDIR": str(tmp_path),
                },
            ) as starter,
        ):
            assert starter.stdout is not None
            folder = starter.stdout.readline().strip()
            assert Path(folder, "trusted_root.json").exists()
            starter.send_signal(signal.SIGKILL)

    def test_a_service_that_does_not_start_says_why(self, tmp_path: Path) -> None:
        own = PrivateSigstore(tmp_path)

        with (
            nothing_survives(),
            pytest.raises(AssertionError, match=r"(?s)ctlog ended.*ctlog"),
            own,
        ):
            pass

        assert not own.folder.exists()

    def test_what_was_built_is_what_is_pinned(self) -> None:
        programs_there = {path.name for path in programs.SIGSTORE.entry().iterdir()}

        assert programs_there == set(programs.SIGSTORE.packages.values())
