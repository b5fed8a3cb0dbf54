"""The base images of a lock, which no toolchain's digest hears of."""

import pytest

from miniseal.formats.errors import UsageError
from miniseal.packager import Lock, lock_text
from miniseal.packager.lock import BaseImage

DIGEST = f"sha256:{'ab' * 32}"
IMAGES = (
    BaseImage(name="oci-archive", digest=DIGEST, platform="linux/amd64"),
    BaseImage(name="registry.example:5000/base/python", digest=DIGEST, platform="linux/arm64"),
)


def table(**changes: object) -> bytes:
    members = {"name": "oci-archive", "digest": DIGEST, "platform": "linux/amd64"} | changes
    lines = [f'{name} = "{value}"' for name, value in members.items() if value is not None]
    return "\n".join([lock_text("wat"), "[[image]]", *lines, ""]).encode()


def test_images_read_back_as_they_are_written() -> None:
    text = lock_text("wat", IMAGES)

    lock = Lock.from_toml(text.encode())

    assert lock.images == IMAGES
    assert lock.to_toml() == text


def test_a_lock_needs_no_image() -> None:
    assert Lock.from_toml(lock_text("wat").encode()).images == ()


def test_the_toolchains_digest_does_not_hear_of_images() -> None:
    with_images = Lock.from_toml(lock_text("assemblyscript", IMAGES).encode())
    without = Lock.from_toml(lock_text("assemblyscript").encode())

    assert with_images.toolchain_digest == without.toolchain_digest


@pytest.mark.parametrize(
    "data",
    [
        table(digest=None),
        table(digest="sha256:ab"),
        table(digest=f"sha512:{'ab' * 64}"),
        table(platform=None),
        table(platform="amd64"),
        table(platform="windows/amd64"),
        table(name=None),
        table(name="python"),
        table(name="registry.example/python:3.12"),
        table(name=f"registry.example/python@{DIGEST}"),
        table(name="oci:layout"),
        table(name="registry.example/Python"),
        table(name="registry.example/a b"),
        table(tag="3.12"),
        table() + b"[[image]]\n" + table().partition(b"[[image]]\n")[2],
    ],
)
def test_another_table_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError) as error:
        Lock.from_toml(data)

    assert error.value.code == "lock-invalid"
