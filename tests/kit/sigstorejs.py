"""sigstore-js, as tests run it: inside the network of a private Sigstore."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from kit.sigstore import PrivateSigstore

__all__ = ["SigstoreJs", "SigstoreJsError"]

_SCRIPT = Path(__file__).with_suffix(".mjs")
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


class SigstoreJsError(Exception):
    """It refused; the text begins with its code."""


class SigstoreJs:
    """Signs and verifies bundles."""

    def __init__(self, node: Path, packages: Path, stack: PrivateSigstore) -> None:
        """Name its parts.

        Args:
            node: the program.
            packages: the folder with `node_modules`.
            stack: where it signs, and whom it trusts.
        """
        self._words = (node, _SCRIPT, packages)
        self._stack = stack

    def sign_with_key(self, statement: bytes, key: Path) -> bytes:
        """A bundle signed with a private key, PEM."""
        return self._sign(statement, {"payloadType": _PAYLOAD_TYPE, "key": key.read_text()})

    def sign_as(self, statement: bytes, token: str, signing_config: Path) -> bytes:
        """A keyless bundle."""
        how = {"payloadType": _PAYLOAD_TYPE, "token": token}
        return self._sign(
            statement, {**how, "signingConfig": json.loads(signing_config.read_bytes())}
        )

    def sign_file_as(self, content: bytes, token: str, signing_config: Path) -> bytes:
        """A keyless bundle with a message signature."""
        config = json.loads(signing_config.read_bytes())
        return self._sign(content, {"token": token, "signingConfig": config})

    def verify_with_key(self, bundle: bytes, public: Path) -> None:
        """Verify a bundle with a public key, PEM.

        Raises:
            SigstoreJsError: it refused.
        """
        self._verify(bundle, {"key": public.read_text()})

    def verify_identity(self, bundle: bytes, kind: str) -> str:
        """Verify a keyless bundle of `email` or `github`; whom its certificate names.

        Raises:
            SigstoreJsError: it refused.
        """
        who = {"subject": self._stack.identity(kind), "issuer": self._stack.issuer_url(kind)}
        subject: str = self._verify(bundle, who)["subject"]
        return subject

    def _sign(self, content: bytes, how: dict[str, Any]) -> bytes:
        payload = base64.b64encode(content).decode()
        return self._run("sign", {"payload": payload, **how})

    def _verify(self, bundle: bytes, how: dict[str, Any]) -> dict[str, Any]:
        root = json.loads(self._stack.trusted_root.read_bytes())
        asked = {"bundle": json.loads(bundle), "trustedRoot": root, **how}
        answer: dict[str, Any] = json.loads(self._run("verify", asked))
        return answer

    def _run(self, command: str, asked: dict[str, Any]) -> bytes:
        with self._stack.inside():
            done = subprocess.run(
                [*self._words, command],
                input=json.dumps(asked).encode(),
                env=self._stack.environ | {"PATH": os.defpath},
                capture_output=True,
                check=False,
                timeout=120,
            )
        if done.returncode != 0:
            raise SigstoreJsError(done.stderr.decode())
        return done.stdout
