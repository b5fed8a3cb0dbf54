"""A vulnerability database as an OCI artifact: one layer, a tar.gz of its two files.

The form is the one in which trivy publishes and downloads its own. It is unpacked as what a
stranger sent: two plain files of bounded size, and nothing else.
"""

import gzip
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import TITLE, Descriptor, Manifest
from miniseal.formats.strictjson import TOO_LARGE
from miniseal.pipeline.trivy.database import DATABASE_INVALID, FILES, Database
from miniseal.registry import Store

__all__ = ["layer_of", "push", "unpack"]

_CONFIG_TYPE = "application/vnd.aquasec.trivy.config.v1+json"
_LAYER_TYPE = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
_PACKED_LIMIT = 1024 * 1024 * 1024
_FILE_LIMIT = 8 * 1024 * 1024 * 1024
_NOTE_LIMIT = 64 * 1024  # extended headers of the tar, which are not read
_MEMBERS_MOST = 16
_PIECE = 1024 * 1024
_NOTES = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE})
_REGULAR = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})


def layer_of(manifest: bytes) -> Descriptor:
    """The layer with the database.

    Raises:
        FormatError: `database-invalid`.
    """
    try:
        layers = Manifest.from_bytes(manifest).layers
    except MinisealError as error:
        raise DATABASE_INVALID(error.message, found=error.found) from error
    types = [layer.media_type for layer in layers]
    if types != [_LAYER_TYPE]:
        raise DATABASE_INVALID(
            "the artifact is no vulnerability database",
            found=", ".join(types)[:200] or "no layer",
            expected=_LAYER_TYPE,
        )
    return layers[0]


def unpack(store: Store, layer: Descriptor, folder: Path) -> None:
    """Write the database's files into `folder`, whole and on the disk.

    Raises:
        FormatError: `database-invalid`, `too-large`.
        VerificationError: `digest-mismatch`.
        EnvironmentalError: `content-missing`.
        OSError: the folder cannot be written.
    """
    if layer.size > _PACKED_LIMIT:
        raise TOO_LARGE(
            "the packed database is too large",
            found=f"{layer.size} bytes",
            expected=f"at most {_PACKED_LIMIT}",
        )
    written: list[str] = []
    try:
        with _fetched(store, layer, folder) as file, gzip.GzipFile(fileobj=file) as stream:
            for member in _members(stream):
                if member.name in written:
                    raise DATABASE_INVALID("the artifact has a file twice", found=member.name)
                written.append(member.name)
                _copy(stream, member.size, folder / member.name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DATABASE_INVALID(f"the artifact cannot be unpacked: {error}") from error
    if set(written) != set(FILES):
        raise DATABASE_INVALID(
            "the artifact lacks a file", found=", ".join(written), expected=", ".join(FILES)
        )


def push(store: Store, database: Database) -> Descriptor:
    """Store a database as an artifact, and give its manifest's descriptor.

    Raises:
        EnvironmentalError: what the store raises.
        OSError: the database cannot be read.
    """
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in FILES:
            info = tarfile.TarInfo(name)
            info.size = (database.folder / name).stat().st_size
            with (database.folder / name).open("rb") as file:
                archive.addfile(info, file)
    layer = store.put(packed.getvalue(), _LAYER_TYPE)
    config = store.put(b"{}", _CONFIG_TYPE)
    titled = Descriptor(
        media_type=layer.media_type,
        digest=layer.digest,
        size=layer.size,
        annotations={TITLE: "db.tar.gz"},
    )
    manifest = Manifest(artifact_type=_CONFIG_TYPE, config=config, layers=(titled,))
    return store.put_manifest(manifest.to_bytes())


@contextmanager
def _fetched(store: Store, layer: Descriptor, folder: Path) -> Generator[IO[bytes]]:
    """All of the layer, checked, in a file without a name."""
    with tempfile.TemporaryFile(dir=folder) as file:
        with store.stream(layer) as chunks:
            file.writelines(chunks)
        file.seek(0)
        yield file


def _members(stream: gzip.GzipFile) -> Iterator[tarfile.TarInfo]:
    """The headers of the two files; whoever asks has read the content of the one before."""
    for _ in range(_MEMBERS_MOST):
        block = stream.read(tarfile.BLOCKSIZE)
        if not block.strip(b"\0"):
            return
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            raise DATABASE_INVALID(f"the artifact is no tar: {error}") from error
        member.name = member.name.removeprefix("./")
        if member.type in _NOTES and 0 <= member.size <= _NOTE_LIMIT:
            stream.read(_padded(member.size))
        elif _is_wanted(member):
            yield member
        else:
            raise DATABASE_INVALID(
                "the artifact has a member that no database has",
                found=f"{ascii(member.name)[:100]}, {member.size} bytes",
                expected=", ".join(FILES),
            )
    raise DATABASE_INVALID("the artifact has too many members")


def _is_wanted(member: tarfile.TarInfo) -> bool:
    is_known = member.type in _REGULAR and member.name in FILES
    return is_known and 0 <= member.size <= _FILE_LIMIT


def _copy(stream: gzip.GzipFile, size: int, path: Path) -> None:
    with path.open("xb") as file:
        left = size
        while left:
            piece = stream.read(min(left, _PIECE))
            if not piece:
                raise DATABASE_INVALID("the artifact is cut off", found=path.name)
            file.write(piece)
            left -= len(piece)
        file.flush()
        os.fsync(file.fileno())
    stream.read(_padded(size) - size)


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
