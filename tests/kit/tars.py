"""Tar archives, member by member: what `tarfile` would write, and what it would not."""

import io
import json
import tarfile
from collections.abc import Mapping

from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, REF_NAME, Descriptor, Manifest

__all__ = ["END", "MANIFEST", "block", "digest_of", "layout", "member", "pax", "tar"]

END = bytes(1024)


def block(
    name: bytes,
    size: int = 0,
    kind: bytes = b"0",
    *,
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
    size_field: bytes | None = None,
    link: bytes = b"",
) -> bytes:
    """A header."""
    written = b"%011o\0" % size if size_field is None else size_field
    fields = (name.ljust(100, b"\0"), b"0000644\0", b"0000000\0" * 2, written, b"0" * 11 + b"\0")
    before = b"".join(fields)
    after = kind + link.ljust(100, b"\0") + magic + bytes(80) + prefix.ljust(155, b"\0") + bytes(12)
    checksum = sum(before) + 8 * 32 + sum(after)
    return before + b"%06o\0 " % checksum + after


def member(name: bytes, content: bytes = b"", kind: bytes = b"0", **fields: bytes) -> bytes:
    """A header and its content."""
    header = block(name, len(content), kind, **fields)  # type: ignore[arg-type]
    return header + content + bytes(-len(content) % 512)


def pax(records: Mapping[str, str] | bytes, kind: bytes = b"x") -> bytes:
    """A pax header."""
    if isinstance(records, bytes):
        return member(b"pax", records, kind)
    data = b""
    for key, value in records.items():
        rest = f" {key}={value}\n".encode()
        size = len(rest)
        while len(str(size)) + len(rest) != size:
            size = len(str(size)) + len(rest)
        data += str(size).encode() + rest
    return member(b"pax", data, kind)


def digest_of(data: bytes) -> str:
    """The name of a blob's file."""
    return Descriptor.of(data, "").digest.removeprefix("sha256:")


MANIFEST = Manifest(
    config=Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
    layers=(Descriptor.of(b"content", "text/plain"),),
).to_bytes()


def layout() -> dict[str, bytes]:
    """The files of a layout with one manifest, under the tag `1.0.0`."""
    entry = Descriptor.of(MANIFEST, "application/vnd.oci.image.manifest.v1+json").to_json()
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {REF_NAME: "1.0.0"}}]}
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps(index).encode(),
    }
    for data in (MANIFEST, EMPTY_CONFIG, b"content"):
        files[f"blobs/sha256/{digest_of(data)}"] = data
    return files


def tar(files: Mapping[str, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:  # noqa: A002
    """What `tarfile` makes of these files, in their order; a name that ends in / is a folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1.5 if format == tarfile.PAX_FORMAT else 1  # pax alone has fractions
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()
