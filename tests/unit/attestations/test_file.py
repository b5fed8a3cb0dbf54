import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from miniseal.attestations import FileSigner, open_signer, sign_statement
from miniseal.formats.bundle import Bundle
from miniseal.formats.dsse import pae
from miniseal.formats.errors import UsageError
from miniseal.formats.statement import Statement, Subject

PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
OPENSSH = serialization.PrivateFormat.OpenSSH
STATEMENT = Statement(
    subjects=(Subject.of("sha256:" + "ab" * 32),), predicate_type="t", predicate={}
).to_bytes()


def private_pem(
    key: PrivateKeyTypes,
    *,
    form: serialization.PrivateFormat = PKCS8,
    password: bytes | None = None,
) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def public_pem(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def write(path: Path, pem: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(pem)
    path.chmod(mode)
    return path


@pytest.fixture(scope="module")
def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def key_file(tmp_path: Path, p256: ec.EllipticCurvePrivateKey) -> Path:
    return write(tmp_path / "key", private_pem(p256))


def test_a_p256_signature_over_a_bundles_payload_verifies(
    key_file: Path, p256: ec.EllipticCurvePrivateKey
) -> None:
    bundle = Bundle.from_bytes(sign_statement(STATEMENT, FileSigner.load(key_file)))

    envelope = bundle.envelope
    signed = pae(envelope.payload_type, envelope.payload)
    p256.public_key().verify(envelope.signatures[0], signed, ec.ECDSA(hashes.SHA256()))
    assert envelope.payload == STATEMENT
    with pytest.raises(InvalidSignature):
        p256.public_key().verify(
            envelope.signatures[0], envelope.payload, ec.ECDSA(hashes.SHA256())
        )


def test_an_ed25519_signature_over_a_bundles_payload_verifies(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signer = FileSigner.load(write(tmp_path / "key", private_pem(key)))

    envelope = Bundle.from_bytes(sign_statement(STATEMENT, signer)).envelope

    key.public_key().verify(envelope.signatures[0], pae(envelope.payload_type, envelope.payload))
    assert len(envelope.signatures[0]) == 64


def test_the_public_key_is_pem_spki(key_file: Path, p256: ec.EllipticCurvePrivateKey) -> None:
    assert FileSigner.load(key_file).public_pem == public_pem(p256)


def test_the_hint_is_the_digest_of_the_public_keys_der(
    key_file: Path, p256: ec.EllipticCurvePrivateKey
) -> None:
    der = base64.b64decode(b"".join(public_pem(p256).splitlines()[1:-1]))

    assert FileSigner.load(key_file).hint == base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_a_key_is_found_through_a_link(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "link").symlink_to(key_file)

    assert FileSigner.load(tmp_path / "link").hint == FileSigner.load(str(key_file)).hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o622, 0o666])
def test_a_key_open_to_others_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)

    with pytest.raises(UsageError, match="open to others") as error:
        FileSigner.load(key_file)

    assert error.value.code == "key-permissions"
    assert error.value.found == f"{mode:04o}"


def test_a_read_only_key_is_loaded(key_file: Path) -> None:
    key_file.chmod(0o400)

    assert FileSigner.load(key_file).hint


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "secp384r1"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (rsa.generate_private_key(65537, 2048), "RSAPublicKey"),
        (ed448.Ed448PrivateKey.generate(), "Ed448PublicKey"),
    ],
    ids=["p384", "secp256k1", "rsa", "ed448"],
)
def test_a_key_of_another_kind_is_refused(tmp_path: Path, key: PrivateKeyTypes, found: str) -> None:
    with pytest.raises(UsageError, match="unsupported kind") as error:
        FileSigner.load(write(tmp_path / "key", private_pem(key)))

    assert error.value.code == "key-unsupported"
    assert error.value.found == found
    assert error.value.expected == "P-256 or Ed25519"


def test_a_key_of_an_unknown_algorithm_is_refused(tmp_path: Path) -> None:
    der = bytes.fromhex("300c 020100 3005 06032a0304 0400")  # PKCS #8 around the OID 1.2.3.4
    pem = b"-----BEGIN PRIVATE KEY-----\n%s-----END PRIVATE KEY-----\n" % base64.encodebytes(der)

    with pytest.raises(UsageError, match="unknown kind") as error:
        FileSigner.load(write(tmp_path / "key", pem))

    assert error.value.code == "key-unsupported"


@pytest.mark.parametrize("password", ["a password", "pässwörd \N{KEY}", "\udcff"])
def test_an_encrypted_key_is_read_with_its_password(
    tmp_path: Path, p256: ec.EllipticCurvePrivateKey, password: str
) -> None:
    pem = private_pem(p256, password=password.encode("utf-8", "surrogateescape"))
    path = write(tmp_path / "key", pem)
    asked: list[str] = []

    def ask(what: str) -> str:
        asked.append(what)
        return password

    assert FileSigner.load(path, ask=ask).public_pem == public_pem(p256)
    assert asked == [f"the password of {path}"]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (None, "nobody to ask"),
        (lambda _: "", "password is empty"),
        (lambda _: "another word", "cannot be read with this password"),
    ],
    ids=["nobody", "empty", "wrong"],
)
def test_an_encrypted_key_without_its_password_is_refused(
    tmp_path: Path,
    p256: ec.EllipticCurvePrivateKey,
    ask: Callable[[str], str] | None,
    message: str,
) -> None:
    path = write(tmp_path / "key", private_pem(p256, password=b"a password"))

    with pytest.raises(UsageError, match=message) as error:
        FileSigner.load(path, ask=ask)

    assert error.value.code == "key-password"
    assert "another word" not in f"{error.value} {error.value.__cause__}"


def test_nobody_is_asked_about_a_key_without_a_password(key_file: Path) -> None:
    def ask(what: str) -> str:
        raise AssertionError(what)

    assert FileSigner.load(key_file, ask=ask).hint


def test_an_encrypted_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    path = write(tmp_path / "key", private_pem(key, password=b"word"))

    with pytest.raises(UsageError) as error:
        FileSigner.load(path, ask=lambda _: "word")

    assert error.value.code == "key-unsupported"


def test_a_cosign_key_is_refused_as_encrypted(tmp_path: Path) -> None:
    pem = b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ...-----\n"

    with pytest.raises(UsageError, match="encrypted") as error:
        FileSigner.load(write(tmp_path / "key", pem))

    assert error.value.code == "key-unsupported"


@pytest.mark.parametrize("form", [TRADITIONAL, OPENSSH])
def test_a_key_that_is_not_pkcs8_is_refused(
    tmp_path: Path, p256: ec.EllipticCurvePrivateKey, form: serialization.PrivateFormat
) -> None:
    with pytest.raises(UsageError, match="not in PKCS #8") as error:
        FileSigner.load(write(tmp_path / "key", private_pem(p256, form=form)))

    assert error.value.code == "key-unsupported"
    assert "openssl pkcs8" in str(error.value.hint)


def test_a_public_key_is_not_a_private_key(
    tmp_path: Path, p256: ec.EllipticCurvePrivateKey
) -> None:
    with pytest.raises(UsageError, match="not a private key") as error:
        FileSigner.load(write(tmp_path / "key.pub", public_pem(p256), 0o644))

    assert error.value.code == "key-invalid"
    assert error.value.found == "PUBLIC KEY"


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"garbage",
        b"\x00\xff" * 100,
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        b"x" * (64 * 1024 + 1),
    ],
)
def test_garbage_is_refused(tmp_path: Path, pem: bytes) -> None:
    with pytest.raises(UsageError) as error:
        FileSigner.load(write(tmp_path / "key", pem))

    assert error.value.code == "key-invalid"


def test_two_keys_in_one_file_are_refused(key_file: Path) -> None:
    write(key_file, key_file.read_bytes() * 2)

    with pytest.raises(UsageError) as error:
        FileSigner.load(key_file)

    assert error.value.code == "key-invalid"


def test_a_key_with_a_flipped_byte_is_refused_without_being_shown(
    key_file: Path, p256: ec.EllipticCurvePrivateKey
) -> None:
    lines = private_pem(p256).splitlines(keepends=True)
    body = b"B" + lines[1][1:]
    write(key_file, lines[0] + body + b"".join(lines[2:]))

    with pytest.raises(UsageError, match="damaged") as error:
        FileSigner.load(key_file)

    assert error.value.code == "key-invalid"
    assert body.decode().strip() not in f"{error.value} {error.value.__cause__}"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file") as error:
        FileSigner.load(tmp_path / "key")

    assert error.value.code == "key-invalid"


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, ""])
def test_a_path_that_cannot_be_one_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="cannot read the key") as error:
        FileSigner.load(path)

    assert error.value.code == "key-invalid"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        FileSigner.load(tmp_path)

    assert error.value.code == "key-invalid"


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(UsageError, match="not a regular file") as error:
        FileSigner.load(tmp_path / "pipe")

    assert error.value.code == "key-invalid"


def test_importing_attestations_imports_no_cryptography() -> None:
    script = "import sys, miniseal.attestations; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-I", "-c", script], check=True, capture_output=True, text=True
    )

    services = {"boto3", "azure", "google", "hvac", "pkcs11", "sigstore"}
    base = {"cryptography", "securesystemslib", "pydantic", "rfc8785"}
    assert not (services | base) & set(done.stdout.split())


@pytest.mark.parametrize("prefix", ["", "file:"])
def test_a_key_given_in_place_of_its_path_is_not_shown(prefix: str) -> None:
    pem = private_pem(ec.generate_private_key(ec.SECP256R1())).decode()

    with pytest.raises(UsageError) as error:
        open_signer(prefix + pem)

    assert error.value.code == "key-invalid"
    assert pem.splitlines()[1] not in str(error.value.to_json())
