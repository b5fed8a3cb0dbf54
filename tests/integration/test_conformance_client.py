"""The client of the conformance suite signs and verifies, against the private Sigstore."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.sigstore import PrivateSigstore
from miniseal.formats.digest import sha256

CLIENT = Path(__file__).parents[1] / "conformance" / "client"
CONTENT = b"a file\n"
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "a", "digest": {"sha256": sha256(CONTENT).removeprefix("sha256:")}}],
    "predicateType": "https://example.com/v1",
    "predicate": {},
}


def run(stack: PrivateSigstore, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CLIENT), *map(str, arguments)]
    environ = {**os.environ, **stack.environ}
    with stack.inside():
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


@pytest.mark.parametrize("in_toto", [False, True], ids=["message", "in-toto"])
def test_what_the_client_signs_it_verifies(
    sigstore: PrivateSigstore, tmp_path: Path, *, in_toto: bool
) -> None:
    signed = json.dumps(STATEMENT).encode() if in_toto else CONTENT
    (tmp_path / "signed").write_bytes(signed)
    bundle, root = tmp_path / "bundle.json", ("--trusted-root", sigstore.trusted_root)
    config = ("--signing-config", sigstore.signing_config)
    token = ("--identity-token", sigstore.token("email"))
    kind = ("--in-toto",) if in_toto else ()

    done = run(
        sigstore,
        "sign-bundle",
        *kind,
        *token,
        "--bundle",
        bundle,
        *root,
        *config,
        tmp_path / "signed",
    )
    assert done.returncode == 0, done.stderr

    identity = ("--certificate-identity", sigstore.identity("email"))
    issuer = ("--certificate-oidc-issuer", sigstore.issuer_url("email"))
    asked = ("verify-bundle", "--bundle", bundle, *identity, *issuer, *root)
    assert run(sigstore, *asked, sha256(CONTENT)).returncode == 0
    other = run(sigstore, *asked, sha256(b"another"))
    assert other.returncode == 1
    assert ("[subject-mismatch]" if in_toto else "[digest-mismatch]") in other.stderr
