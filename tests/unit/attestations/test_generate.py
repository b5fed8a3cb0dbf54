import base64
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from miniseal.attestations import FileSigner, generate_key
from miniseal.attestations.signers.encrypt import encrypted_pem
from miniseal.formats.errors import EnvironmentalError, UsageError


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_p256_unless_asked_otherwise(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")

    key = load_pem_private_key((tmp_path / "key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_a_key_may_be_ed25519(tmp_path: Path) -> None:
    generate_key(tmp_path / "key", kind="ed25519")

    key = load_pem_private_key((tmp_path / "key").read_bytes(), password=None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_the_files_hold_the_two_halves_of_one_key(
    tmp_path: Path, kind: Literal["p256", "ed25519"]
) -> None:
    signer = generate_key(str(tmp_path / "key"), kind=kind)

    private = load_pem_private_key((tmp_path / "key").read_bytes(), password=None)
    public = load_pem_public_key((tmp_path / "key.pub").read_bytes())
    assert private.public_key() == public
    assert signer.public_pem == (tmp_path / "key.pub").read_bytes()
    assert FileSigner.load(tmp_path / "key").hint == signer.hint


def test_the_private_key_is_pkcs8(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")

    assert (tmp_path / "key").read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")


@pytest.mark.usefixtures("open_umask")
def test_the_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")

    assert mode(tmp_path / "key") == 0o600
    assert mode(tmp_path / "key.pub") == 0o644


def test_a_key_with_a_password_is_encrypted(tmp_path: Path) -> None:
    word = "a word"

    generate_key(tmp_path / "key", password=word)

    pem = (tmp_path / "key").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    public = load_pem_private_key(pem, password=word.encode()).public_key()
    assert public == load_pem_public_key((tmp_path / "key.pub").read_bytes())


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_an_encrypted_key_takes_many_rounds_to_guess(
    tmp_path: Path, kind: Literal["p256", "ed25519"]
) -> None:
    word = "pässwörd"
    signer = generate_key(tmp_path / "key", kind=kind, password=word)

    pem = (tmp_path / "key").read_bytes()
    read = load_pem_private_key(pem, password=word.encode())
    assert read.public_key() == load_pem_public_key(signer.public_pem)
    rounds = b"\x02\x03" + (600_000).to_bytes(3, "big")
    assert rounds in base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    assert {len(line) for line in pem.splitlines()[1:-2]} == {64}


def test_two_encrypted_keys_have_nothing_in_common(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")
    key = load_pem_private_key((tmp_path / "key").read_bytes(), password=None)

    one, other = encrypted_pem(key, b"w"), encrypted_pem(key, b"w")

    assert set(one.splitlines()[2:-1]).isdisjoint(other.splitlines()[2:-1])


def test_an_empty_password_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        generate_key(tmp_path / "key", password="")

    assert error.value.code == "key-password"
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    generate_key(tmp_path / "key")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.pub"]


def test_two_keys_differ(tmp_path: Path) -> None:
    assert generate_key(tmp_path / "one").hint != generate_key(tmp_path / "two").hint


@pytest.mark.parametrize("existing", ["key", "key.pub"])
def test_nothing_is_overwritten_and_nothing_is_left(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_bytes(b"precious")

    with pytest.raises(UsageError, match=f"{existing} exists") as error:
        generate_key(tmp_path / "key")

    assert error.value.code == "key-exists"
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_bytes() == b"precious"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UsageError) as error:
        generate_key(tmp_path / "key")

    assert error.value.code == "key-exists"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["no/such/folder", "a\0b", "x" * 5000])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EnvironmentalError, match="cannot write a key") as error:
        generate_key(tmp_path / name)

    assert error.value.code == "key-unwritable"
    assert list(tmp_path.iterdir()) == []
