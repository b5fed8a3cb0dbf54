"""Key services for tests: a token (SoftHSM), and AWS KMS as moto has it.

moto hashes what it is given even where the request says that it is a digest already; AWS does not.
`digests_as_digests` makes it do as AWS does.
"""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from moto.kms.models import kms_backends
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer

__all__ = ["LABEL", "PIN", "Aws", "aws_kms", "digests_as_digests", "make_token"]

LABEL = "miniseal"
PIN = "904417"
_LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
_KEYS = {"02": "EC:prime256v1", "03": "EC:secp384r1", "04": "rsa:2048", "05": "EC:prime256v1"}
_REGION = "eu-west-1"


def make_token(folder: Path) -> dict[str, str]:
    """A token with keys 2 and 5 (P-256), 3 (P-384) and 4 (RSA); the variables that reach it.

    The PIN is `PIN`. The public half of key 5 is hidden from whoever does not give it.
    """
    (folder / "tokens").mkdir(mode=0o700)
    conf = folder / "softhsm2.conf"
    conf.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        "log.level = ERROR\nslots.removable = false\n",
        encoding="utf-8",
    )
    environ = {"SOFTHSM2_CONF": str(conf), "PYKCS11LIB": _LIBRARY}
    _run(
        "softhsm2-util",
        *("--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "5678"),
        environ=environ,
    )
    for number, kind in _KEYS.items():
        hidden = ("--private",) if number == "05" else ()
        _run(
            "pkcs11-tool",
            *("--module", _LIBRARY, "--token-label", LABEL, "--login", "--pin", PIN),
            *("--keypairgen", "--key-type", kind, "--id", number, *hidden),
            environ=environ,
        )
    return environ


def _run(*words: str, environ: dict[str, str]) -> None:
    environ = environ | {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, env=environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


class Aws:
    """AWS KMS of one account.

    Attributes:
        environ: the variables that reach it.
    """

    def __init__(self, url: str) -> None:
        self.environ = {
            "AWS_ENDPOINT_URL_KMS": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-nobody",
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        self._client: Any = boto3.client(
            "kms",
            endpoint_url=url,
            region_name=_REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - nobody's
        )

    def key(self, spec: str = "ECC_NIST_P256", *, alias: str | None = None) -> str:
        """The ARN of a new key."""
        made = self._client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
        arn: str = made["KeyMetadata"]["Arn"]
        if alias is not None:
            self._client.create_alias(AliasName=alias, TargetKeyId=arn)
        return arn

    def delete(self, arn: str) -> None:
        """Let a key be gone; what moto's own deletion only announces."""
        account, name = arn.split(":")[4], arn.rpartition("/")[2]
        del kms_backends[account][_REGION].keys[name]


@contextmanager
def aws_kms() -> Generator[Aws]:
    """AWS KMS on loopback."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield Aws(f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    finally:
        server.stop()


_is_digest: ContextVar[bool] = ContextVar("is_digest", default=False)


@contextmanager
def digests_as_digests() -> Generator[None]:
    """moto's KMS with `MessageType=DIGEST` as AWS means it."""
    answer, sign = KmsResponse.sign, ECDSAPrivateKey.sign

    def answering(self: KmsResponse) -> str:
        before = _is_digest.set(self._get_param("MessageType") == "DIGEST")
        try:
            return answer(self)
        finally:
            _is_digest.reset(before)

    def signing(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        if not _is_digest.get():
            return sign(self, message, signing_algorithm)
        return self.private_key.sign(message, ec.ECDSA(Prehashed(SHA256())))

    with (
        patch.object(KmsResponse, "sign", answering),
        patch.object(ECDSAPrivateKey, "sign", signing),
    ):
        yield
