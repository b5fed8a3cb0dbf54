"""Key files that are none, or of the wrong kind, and where new ones may not go."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kit.commands import run_miniseal
from kit.hostile import call_miniseal, dropped, listing, project_at

PASSWORD = BestAvailableEncryption(b"open sesame")


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    encryption: KeySerializationEncryption | None = None,
    kind: PrivateFormat = PrivateFormat.PKCS8,
) -> bytes:
    return key.private_bytes(Encoding.PEM, kind, encryption or NoEncryption())


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public() -> bytes:
    return p256().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda: b"", "key-invalid", id="empty"),
        pytest.param(lambda: b"\0" * 100, "key-invalid", id="zeros"),
        pytest.param(lambda: os.urandom(1000), "key-invalid", id="garbage"),
        pytest.param(lambda: b"-" * 100_000, "key-invalid", id="over-the-limit"),
        pytest.param(public, "key-invalid", id="public"),
        pytest.param(lambda: pem(p256())[:150], "key-invalid", id="cut"),
        pytest.param(lambda: pem(p256()) * 2, "key-invalid", id="two"),
        pytest.param(lambda: pem(p256(), PASSWORD), "key-password", id="encrypted"),
        pytest.param(
            lambda: pem(p256(), None, PrivateFormat.TraditionalOpenSSL),
            "key-unsupported",
            id="not-pkcs8",
        ),
        pytest.param(
            lambda: pem(ec.generate_private_key(ec.SECP384R1())), "key-unsupported", id="p-384"
        ),
        pytest.param(
            lambda: pem(rsa.generate_private_key(65537, 2048)), "key-unsupported", id="rsa"
        ),
    ],
)
def test_a_file_that_is_no_signing_key(
    tmp_path: Path, make: Callable[[], bytes], code: str
) -> None:
    path = tmp_path / "key"
    path.write_bytes(make())
    path.chmod(0o600)
    project = project_at(tmp_path / "project")
    before = listing(tmp_path)

    shown = call_miniseal("keys", "show", path)
    release = call_miniseal("release", project, "--to", f"oci:{tmp_path / 'out'}", "--key", path)

    shown.refused(code, 2)
    release.refused(code, 2)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_that_others_can_read(key: Path, mode: int) -> None:
    key.chmod(mode)

    call_miniseal("keys", "show", key).refused("key-permissions", 2)


@pytest.mark.parametrize(
    "make",
    [os.mkdir, os.mkfifo, lambda path: path.symlink_to("key"), str],
    ids=["folder", "pipe", "loop", "nothing"],
)
def test_something_else_in_a_keys_place(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "key")

    call_miniseal("keys", "show", tmp_path / "key").refused("key-invalid", 2)


def test_a_key_that_its_reader_has_no_right_to(key: Path) -> None:
    key.chmod(0)

    run_miniseal("keys", "show", key, prefix=dropped()).refused("key-invalid", 2)


@pytest.mark.parametrize("taken", ["key", "key.pub"])
@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_no_key_replaces_anything(
    tmp_path: Path, taken: str, make: Callable[[Path], object]
) -> None:
    make(tmp_path / taken)
    before = listing(tmp_path)

    run = call_miniseal("keys", "generate", tmp_path / "key")

    run.refused("key-exists", 2)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("place", ["nowhere/key", "file/key", "x" * 300])
def test_a_key_that_has_no_place(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    before = listing(tmp_path)

    run = call_miniseal("keys", "generate", tmp_path / place)

    run.refused("key-unwritable", 2)
    assert listing(tmp_path) == before


def test_a_key_in_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)

    run = run_miniseal("keys", "generate", folder / "key", prefix=dropped())

    run.refused("key-unwritable", 2)
    assert listing(folder) == {}


@pytest.mark.parametrize("which", ["private", "garbage", "pipe"])
def test_a_policy_does_not_start_with_what_is_no_public_key(
    tmp_path: Path, key: Path, which: str
) -> None:
    project = project_at(tmp_path / "project")
    (tmp_path / "garbage").write_bytes(b"garbage")
    os.mkfifo(tmp_path / "pipe")
    given = key if which == "private" else tmp_path / which
    before = listing(tmp_path)

    run = call_miniseal(
        *("policy", "init", project, "--key", given, "-o", tmp_path / "policy" / "policy.toml")
    )

    run.refused("file-unusable" if which == "pipe" else "policy-invalid", 2)
    assert listing(tmp_path) == before


def test_a_policy_does_not_replace_another_policys_key(tmp_path: Path, key: Path) -> None:
    project = project_at(tmp_path / "project")
    pub = Path(f"{key}.pub")
    words = ("policy", "init", project, "--key")
    call_miniseal(*words, pub, "-o", tmp_path / "policy" / "a.toml").ok()
    pub.write_bytes(public())
    before = listing(tmp_path)

    run = call_miniseal(*words, pub, "-o", tmp_path / "policy" / "b.toml")

    run.refused("file-unusable", 2)
    assert listing(tmp_path) == before
