"""A base image for containers, made on this machine: a small Debian with a shell and Python.

The packages are those of the machine's own package sources, fetched and checked by apt, and laid
over each other without running any of their scripts. What comes out is an OCI layout in a tar file
with one uncompressed layer; the same packages give the same bytes. Standard library only.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from services import cache, system

__all__ = ["ARCHIVE", "DIGEST", "PACKAGES", "entry", "make"]

ARCHIVE = "image.tar"
DIGEST = "digest"

PACKAGES = (
    *("base-files", "coreutils", "dash", "findutils", "grep", "sed"),
    *("libpython3-stdlib", "python3-minimal"),  # wasmtime, and what runs a project's tests
    "libstdc++6",  # Node
)

_HERE = Path(__file__)
_LEFT_OUT = (
    *("usr/share/doc/", "usr/share/info/", "usr/share/lintian/", "usr/share/locale/"),
    "usr/share/man/",
)
_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")  # links into usr, as Debian has them
_FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
}
_ENV = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONDONTWRITEBYTECODE=1",
]
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA_TYPE = "application/vnd.oci.image."

Members = dict[str, tuple[tarfile.TarInfo, bytes]]


def entry() -> Path:
    """Where the image is or will be."""
    return cache.root() / f"image-{cache.digest_of(files=[_HERE], base=_HERE.parent)}"


def make(folder: Path) -> None:
    """Write the image, and its manifest's digest, into a folder.

    Raises:
        SystemExit: nobody but root may do that.
    """
    if os.geteuid() != 0:
        raise SystemExit("making a base image needs root: it runs Python within the image")
    packages, scratch = folder / "packages", folder / "root"
    _fetch(packages)
    members = _merge([*packages.glob("*.deb")])
    members |= _compiled(members, scratch)
    digest = _write_layout(_tar(members), folder / ARCHIVE)
    (folder / DIGEST).write_text(digest, encoding="ascii")
    shutil.rmtree(packages)
    shutil.rmtree(scratch)


def _fetch(folder: Path) -> None:
    """Have apt find and fetch the packages with all they depend on, as if nothing was installed."""
    (folder / "partial").mkdir(parents=True)
    (folder / "installed").touch()
    system.apt_get(
        *("-o", f"Dir::State::status={folder / 'installed'}"),
        *("-o", f"Dir::Cache::archives={folder}"),
        *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
        *("-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=true"),
        *("install", "--download-only", "--no-install-recommends", *PACKAGES),
    )


def _merge(packages: list[Path]) -> Members:
    members: Members = {}
    for package in sorted(packages):
        members |= _members(package)
    for name in _MERGED:
        members[name] = (_link(name, f"usr/{name}"), b"")
    members["usr/bin/sh"] = (_link("usr/bin/sh", "dash"), b"")
    for name, content in _FILES.items():
        members[name] = (_file(name, content), content)
    return members


def _members(package: Path) -> Members:
    """The files of a package by their path, with nothing in them that says when or by whom."""
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", package], check=True, stdout=subprocess.PIPE
    )
    members: Members = {}
    with tarfile.open(fileobj=io.BytesIO(unpacked.stdout)) as archive:
        for info in archive:
            name = _place(info.name)
            if name in {"", *_MERGED} or f"{name}/".startswith(_LEFT_OUT):
                continue
            source = archive.extractfile(info) if info.isreg() else None
            info.name = name
            info.linkname = _place(info.linkname) if info.islnk() else info.linkname
            info.mtime = 0
            info.uname = info.gname = ""
            info.pax_headers = {}
            members[name] = (info, source.read() if source else b"")
    return members


def _compiled(members: Members, scratch: Path) -> Members:
    """The bytecode of Python's library, as its package's script would make it.

    Without it, each start of Python in a container would compile what it imports.
    """
    scratch.mkdir()
    unpack = ["tar", "--extract", "--directory", scratch]
    subprocess.run(unpack, check=True, input=_tar(members))
    libraries = [f"/{path.relative_to(scratch)}" for path in scratch.glob("usr/lib/python3*")]
    subprocess.run(
        [
            *("chroot", str(scratch), "/usr/bin/python3", "-m", "compileall", "-q"),
            *("--invalidation-mode", "unchecked-hash", *libraries),
        ],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the order of sets
    )
    compiled: Members = {}
    for folder in scratch.glob("usr/lib/**/__pycache__"):
        name = str(folder.relative_to(scratch))
        compiled[name] = (_folder(name), b"")
        for path in folder.iterdir():
            content = path.read_bytes()
            compiled[f"{name}/{path.name}"] = (_file(f"{name}/{path.name}", content), content)
    return compiled


def _place(name: str) -> str:
    name = name.removeprefix(".").strip("/")
    first, slash, _ = name.partition("/")
    return f"usr/{name}" if slash and first in _MERGED else name


def _file(name: str, content: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return info


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return info


def _tar(members: Members) -> bytes:
    # by name, so that a folder comes before what is in it; hard links after what they point at
    ordered = sorted(members.values(), key=lambda member: (member[0].islnk(), member[0].name))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in ordered:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _write_layout(layer: bytes, archive: Path) -> str:
    """Write an OCI layout with this one layer; the digest of its manifest."""
    shape = {"architecture": _ARCHITECTURES[platform.machine()], "os": "linux"}
    layer_digest = _digest(layer)
    config = _json(
        {
            **shape,
            "config": {"Env": _ENV},
            "created": "1970-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA_TYPE}manifest.v1+json",
            "config": _descriptor("config.v1+json", config),
            "layers": [_descriptor("layer.v1.tar", layer)],
        }
    )
    index = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA_TYPE}index.v1+json",
            "manifests": [{**_descriptor("manifest.v1+json", manifest), "platform": shape}],
        }
    )
    members = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": index,
        **{f"blobs/sha256/{_digest(blob)[7:]}": blob for blob in (config, manifest, layer)},
    }
    archive.write_bytes(_tar({name: (_file(name, x), x) for name, x in members.items()}))
    return _digest(manifest)


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_MEDIA_TYPE}{kind}", "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
