"""Base images in tar files, as several clients write them, and damaged ones."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.packager import image
from miniseal.packager.image import Archive, named
from miniseal.packager.lock import BaseImage

AMD64 = "linux/amd64"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Layout:
    """The files of a layout, which a test may change before they are written."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": LAYOUT}

    def blob(self, value: object, media_type: str) -> dict[str, Any]:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.files[f"blobs/sha256/{sha256(data).removeprefix('sha256:')}"] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    def image(
        self, architecture: str = "amd64", layers: list[Any] | None = None, **config: str
    ) -> dict[str, Any]:
        settings = {"os": "linux", "architecture": architecture, "rootfs": {"diff_ids": []}}
        described = self.blob(settings | config, "application/vnd.oci.image.config.v1+json")
        return self.blob(
            {"schemaVersion": 2, "config": described, "layers": layers or []}, MANIFEST
        )

    def index(self, *manifests: dict[str, Any]) -> dict[str, Any]:
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}

    def write(self, path: Path, *manifests: dict[str, Any], prefix: str = "") -> Path:
        self.files["index.json"] = json.dumps(self.index(*manifests)).encode()
        pack(path, ((f"{prefix}{name}", data) for name, data in self.files.items()))
        return path


def pack(path: Path, files: Iterable[tuple[str, bytes]], mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def refused(path: Path) -> str:
    with pytest.raises(MinisealError) as error:
        Archive.read(path, AMD64)
    return error.value.code


@pytest.mark.parametrize("prefix", ["", "./"])
def test_one_image_is_found(tmp_path: Path, prefix: str) -> None:
    layout = Layout()
    manifest = layout.image()

    found = Archive.read(layout.write(tmp_path / "i.tar", manifest, prefix=prefix), AMD64)

    assert found == Archive(digest=manifest["digest"], names=frozenset({manifest["digest"]}))


def test_the_image_of_the_platform_is_taken_by_what_its_config_says(tmp_path: Path) -> None:
    layout = Layout()
    amd64, arm64 = layout.image(), layout.image("arm64", variant="v8")
    path = layout.write(tmp_path / "i.tar", arm64 | {"platform": {"architecture": "amd64"}}, amd64)

    assert Archive.read(path, AMD64).digest == amd64["digest"]
    assert Archive.read(path, "linux/arm64").digest == arm64["digest"]


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        assert len(archive.getnames()) == len(set(archive.getnames()))
        return {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]


def test_a_copy_holds_nothing_that_another_reader_could_take_instead(tmp_path: Path) -> None:
    layout = Layout()
    layer = layout.blob(b"a layer", "application/vnd.oci.image.layer.v1.tar")
    good, bad = layout.image(layers=[layer]), layout.image("arm64")
    stated = bad | {"platform": {"architecture": "amd64", "os": "linux"}}
    # Go's archive/tar and encoding/json, which an engine reads with, take each of these for the
    # index: the first image that is said to be of the platform, a name that is not clean, a member
    # in other letters
    layout.files["./x/../index.json"] = json.dumps(layout.index(bad)).encode()
    layout.files["x/../oci-layout"] = b'{"imageLayoutVersion":""}'
    layout.files["manifest.json"] = b"[]"
    path = layout.write(tmp_path / "i.tar", stated, good)

    found = Archive.copy(path, AMD64, tmp_path / "copy.tar")

    assert found.digest == good["digest"]
    copied = members(tmp_path / "copy.tar")
    index = json.loads(copied.pop("index.json"))
    assert index == {"schemaVersion": 2, "manifests": [good]}
    assert json.loads(copied.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    assert len(copied) == 3
    assert all(sha256(data).endswith(name.rpartition("/")[2]) for name, data in copied.items())
    assert b"a layer" in copied.values()
    assert Archive.read(tmp_path / "copy.tar", AMD64) == found


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"A layer", "digest-mismatch"), (b"layer", "base-image-malformed"), (None, None)],
)
def test_a_layer_that_is_another_is_not_copied(
    tmp_path: Path, content: bytes | None, code: str | None
) -> None:
    layout = Layout()
    layer = layout.blob(b"a layer", "application/vnd.oci.image.layer.v1.tar")
    path = layout.write(tmp_path / "i.tar", layout.image(layers=[layer]))
    name = f"blobs/sha256/{layer['digest'].removeprefix('sha256:')}"
    if content is None:
        del layout.files[name]
    else:
        layout.files[name] = content
    pack(path, layout.files.items())

    with pytest.raises(MinisealError) as error:
        Archive.copy(path, AMD64, tmp_path / "copy.tar")

    assert error.value.code == (code or "base-image-malformed")


@pytest.mark.parametrize("beside", [False, True], ids=["in-the-index", "beside-it-too"])
def test_an_index_of_a_registry_names_its_images_too(tmp_path: Path, beside: bool) -> None:
    """As `miniseal pull` writes it, the image may be listed by itself as well."""
    layout = Layout()
    amd64, arm64 = layout.image(), layout.image("arm64")
    attestation = layout.blob({"config": layout.blob({}, "x"), "layers": []}, MANIFEST)
    index = layout.blob(layout.index(amd64, arm64, attestation), INDEX)

    listed = (amd64, index, arm64) if beside else (index,)
    found = Archive.read(layout.write(tmp_path / "i.tar", *listed), AMD64)

    assert found.digest == amd64["digest"]
    assert found.names == {amd64["digest"], index["digest"]}


@pytest.mark.parametrize("count", [0, 2])
def test_none_and_two_are_refused(tmp_path: Path, count: int) -> None:
    layout = Layout()
    images = [layout.image(author=str(number)) for number in range(count)]

    assert refused(layout.write(tmp_path / "i.tar", *images)) == "base-image-malformed"


def test_an_image_of_another_platform_is_refused(tmp_path: Path) -> None:
    layout = Layout()

    assert refused(layout.write(tmp_path / "i.tar", layout.image("arm64"))) == (
        "base-image-malformed"
    )


@pytest.mark.parametrize("name", ["oci-layout", "index.json", "config", "manifest"])
def test_a_file_that_is_missing_is_refused(tmp_path: Path, name: str) -> None:
    layout = Layout()
    manifest = layout.image()
    layout.write(tmp_path / "i.tar", manifest)
    blobs = [each for each in layout.files if each.startswith("blobs/")]
    del layout.files[{"config": blobs[0], "manifest": blobs[1]}.get(name, name)]
    pack(tmp_path / "i.tar", layout.files.items())

    assert refused(tmp_path / "i.tar") == "base-image-malformed"


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    layout = Layout()
    layout.write(tmp_path / "i.tar", layout.image())
    other = [("index.json", b"{}"), *layout.files.items()]
    pack(tmp_path / "i.tar", other)

    assert refused(tmp_path / "i.tar") == "base-image-malformed"


def test_content_that_is_not_what_it_is_called_is_refused(tmp_path: Path) -> None:
    layout = Layout()
    manifest = layout.image()
    name = f"blobs/sha256/{manifest['digest'].removeprefix('sha256:')}"
    layout.files[name] = layout.files[name].replace(b" ", b"\t")
    path = layout.write(tmp_path / "i.tar", manifest)

    assert refused(path) == "digest-mismatch"


def test_indexes_without_end_are_refused(tmp_path: Path) -> None:
    layout = Layout()
    inner = layout.image()
    for _ in range(4):
        inner = layout.blob(layout.index(inner), INDEX)

    assert refused(layout.write(tmp_path / "i.tar", inner)) == "base-image-malformed"


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_a_compressed_archive_is_refused(tmp_path: Path, mode: str) -> None:
    layout = Layout()
    layout.write(tmp_path / "i.tar", layout.image())
    pack(tmp_path / "i.tar", layout.files.items(), mode)

    assert refused(tmp_path / "i.tar") == "base-image-malformed"


def test_a_large_document_is_not_read(tmp_path: Path) -> None:
    layout = Layout()
    huge = layout.blob(b" " * (5 * 1024 * 1024), MANIFEST)

    assert refused(layout.write(tmp_path / "i.tar", huge)) == "base-image-malformed"


def test_a_link_is_no_file(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "i.tar", "w") as archive:
        for name in ("oci-layout", "index.json"):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)

    assert refused(tmp_path / "i.tar") == "base-image-malformed"


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    layout = Layout()
    path = layout.write(tmp_path_factory.mktemp("archive") / "i.tar", layout.image())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 4096))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)

    try:
        Archive.read(path, AMD64)
    except MinisealError as error:
        assert error.code in {  # noqa: PT017 - either end is right
            *("base-image-malformed", "digest-mismatch", "digest-malformed"),
        }


def test_an_image_is_named_by_an_archive(tmp_path: Path) -> None:
    layout = Layout()
    manifest = layout.image()
    path = layout.write(tmp_path / "i.tar", manifest)

    assert named(f"oci-archive:{path}", AMD64) == BaseImage(
        name="oci-archive", digest=manifest["digest"], platform=AMD64
    )


def test_an_image_is_named_by_a_registry_and_a_digest() -> None:
    digest = f"sha256:{'ab' * 32}"

    assert named(f"registry.example/python:3.12@{digest}", AMD64) == BaseImage(
        name="registry.example/python", digest=digest, platform=AMD64
    )


@pytest.mark.parametrize(
    "text", ["registry.example/python:3.12", "python", f"oci:layout@sha256:{'ab' * 32}", ""]
)
def test_an_image_without_a_digest_is_refused(text: str) -> None:
    with pytest.raises(MinisealError) as error:
        named(text, AMD64)

    assert error.value.code == "reference-malformed"


def test_this_machine_has_a_platform() -> None:
    assert image.platform().startswith("linux/")
