"""`miniseal.lock`: every tool that a build, a test run or a scan downloads, by hash.

The sections are digested apart: a new scanner, or another base image, must not change a package.
Hashes are the registries' own: `sha256:HEX` of each wheel from PyPI, the `sha512-BASE64` integrity
of an npm tarball, the digest of a base image's manifest. No address of a package index is written,
so a mirror changes nothing. Nothing here downloads.
"""

import re
from dataclasses import dataclass
from importlib import resources

from miniseal.formats import times
from miniseal.formats.digest import check_digest, sha256
from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.members import Members
from miniseal.formats.reference import Reference
from miniseal.formats.strictjson import canonical
from miniseal.packager.toml import read_toml

__all__ = ["LOCK_INVALID", "OCI_ARCHIVE", "BaseImage", "Lock", "Scanner", "Tool", "pinned"]

LOCK_INVALID = Code(
    "lock-invalid",
    UsageError,
    meaning="miniseal.lock is not a lock file, or does not pin a tool that the build needs",
    cause="an edit by hand, a merge conflict, or a toolchain changed without writing the lock",
    remedy="write it again with `miniseal lock`",
)

OCI_ARCHIVE = "oci-archive"
"""The name of a base image that no registry has: whoever builds brings the file."""

_SOURCES = ("pypi", "npm")
_RUNNER = ("pypi", "wasmtime")
_NAME = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]*")
_INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")
_PLATFORM = re.compile(r"linux/[a-z0-9]+(/[a-z0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One package of a registry, pinned.

    Attributes:
        name: as the registry writes it.
        version: exact.
        source: `pypi` or `npm`.
        hashes: of every file that may be taken: one per wheel, or the one npm integrity.
    """

    name: str
    version: str
    source: str
    hashes: tuple[str, ...]

    @classmethod
    def from_members(cls, members: Members) -> "Tool":
        """Read one table; raises `members.code`."""
        members.only("hashes", "name", "source", "version")
        source = members.string("source")
        if source not in _SOURCES:
            raise members.code(
                f"{members.what}.source is unknown", found=repr(source)[:60], expected="pypi, npm"
            )
        hashes = members.strings("hashes")
        if not hashes or (source == "npm" and len(hashes) > 1):
            raise members.code(f"{members.what} has {len(hashes)} hashes")
        for text in hashes:
            _check_hash(members, source, text)
        return cls(
            name=_matching(members, "name", _NAME),
            version=_matching(members, "version", _VERSION),
            source=source,
            hashes=tuple(hashes),
        )

    def to_json(self) -> dict[str, object]:
        """The table's members."""
        return {
            "name": self.name,
            "version": self.version,
            "source": self.source,
            "hashes": list(self.hashes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """The scanner, by the digests of the binaries that may run.

    Attributes:
        name: `trivy`.
        version: of the binary.
        released: when the last of the binaries was, seconds since 1970.
        digests: sha256 of the executable, one per platform.
    """

    name: str
    version: str
    released: int
    digests: tuple[str, ...]

    @classmethod
    def from_members(cls, members: Members) -> "Scanner":
        """Read the `[scanner]` table; raises `members.code`."""
        members.only("digests", "name", "released", "version")
        digests = members.strings("digests")
        if not digests:
            raise members.code(f"{members.what} has no digests")
        for text in digests:
            _check_hash(members, "pypi", text)
        return cls(
            name=_matching(members, "name", _NAME),
            version=_matching(members, "version", _VERSION),
            released=_day(members, "released"),
            digests=tuple(digests),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """What containers are made from, where commands run in containers.

    Attributes:
        name: the repository with its registry, without tag and digest; or `oci-archive`.
        digest: of the image's manifest for the platform. A registry may also serve an index of
            images under it.
        platform: `linux/` and the architecture, as OCI writes it.
    """

    name: str
    digest: str
    platform: str

    @classmethod
    def from_members(cls, members: Members) -> "BaseImage":
        """Read one table; raises `members.code`."""
        members.only("digest", "name", "platform")
        name, digest = members.string("name"), members.string("digest")
        _check_hash(members, "pypi", digest)
        if name != OCI_ARCHIVE and not _is_repository(name):
            raise members.code(
                f"{members.what}.name is malformed",
                found=repr(name)[:100],
                expected=f"host/repository, or {OCI_ARCHIVE}",
            )
        return cls(name=name, digest=digest, platform=_matching(members, "platform", _PLATFORM))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The whole file.

    Attributes:
        toolchain: what compiles; decides the package's bytes.
        test: what runs the program's tests.
        scanner: what looks for known vulnerabilities.
        images: what containers are made from, one per platform; none is needed without containers.
    """

    toolchain: tuple[Tool, ...]
    test: tuple[Tool, ...]
    scanner: Scanner
    images: tuple[BaseImage, ...] = ()

    @classmethod
    def from_toml(cls, data: bytes) -> "Lock":
        """Read `miniseal.lock`.

        Raises:
            UsageError: `lock-invalid`.
        """
        document = read_toml(data, "miniseal.lock", LOCK_INVALID)
        members = Members(document, "miniseal.lock", LOCK_INVALID)
        members.only("image", "scanner", "test", "toolchain", "version")
        members.integer("version", least=1, most=1)
        return cls(
            toolchain=_tools(members, "toolchain"),
            test=_runners(members),
            scanner=Scanner.from_members(members.child("scanner")),
            images=_images(members),
        )

    @property
    def toolchain_digest(self) -> str:
        """What a package's config names: over the toolchain section, in order of names."""
        tools = sorted(self.toolchain, key=lambda tool: (tool.source, tool.name))
        return sha256(canonical([tool.to_json() for tool in tools]))

    def tool(self, name: str) -> Tool:
        """The toolchain's tool of this name.

        Raises:
            UsageError: `lock-invalid`, where it is not pinned.
        """
        for tool in self.toolchain:
            if tool.name == name:
                return tool
        raise LOCK_INVALID("miniseal.lock does not pin a tool that the toolchain needs", found=name)

    def to_toml(self) -> str:
        """The text that `miniseal lock` writes; the same for the same pins."""
        parts = ["# Written by `miniseal lock`: what a build may download, by hash.\nversion = 1\n"]
        parts += [_table("[[toolchain]]", tool) for tool in self.toolchain]
        parts += [_table("[[test]]", tool) for tool in self.test]
        scanner = self.scanner
        parts.append(
            f'[scanner]\nname = "{scanner.name}"\nversion = "{scanner.version}"\n'
            f'released = "{times.to_text(scanner.released)[:10]}"\n'
            + _array("digests", scanner.digests)
        )
        parts += [
            f'[[image]]\nname = "{image.name}"\ndigest = "{image.digest}"\n'
            f'platform = "{image.platform}"\n'
            for image in self.images
        ]
        return "\n".join(parts)


def pinned(names: tuple[str, ...]) -> Lock:
    """A lock of these toolchain tools from the pins that ship with the packager (`pins.toml`)."""
    data = resources.files("miniseal.packager").joinpath("pins.toml").read_bytes()
    pins = Lock.from_toml(data)
    return Lock(
        toolchain=tuple(pins.tool(name) for name in names), test=pins.test, scanner=pins.scanner
    )


def _tools(members: Members, name: str) -> tuple[Tool, ...]:
    tools = tuple(map(Tool.from_members, members.children(name))) if name in members.values else ()
    names = [tool.name for tool in tools]
    if len(set(names)) != len(names):
        raise members.code(f"{members.what} pins a {name} tool twice")
    return tools


def _images(members: Members) -> tuple[BaseImage, ...]:
    tables = members.children("image") if "image" in members.values else ()
    images = tuple(map(BaseImage.from_members, tables))
    if len({image.platform for image in images}) != len(images):
        raise members.code(f"{members.what} pins two base images of one platform")
    return images


def _runners(members: Members) -> tuple[Tool, ...]:
    """What runs the tests: no project chooses it, as fetching happens outside of the sandbox."""
    tools = _tools(members, "test")
    for tool in tools:
        if (tool.source, tool.name) != _RUNNER:
            raise members.code(
                f"{members.what} pins a test tool that nothing runs",
                found=f"{tool.name} from {tool.source}",
                expected="wasmtime from pypi",
            )
    return tools


def _is_repository(text: str) -> bool:
    try:
        reference = Reference.parse(text)
    except UsageError:
        return False
    return reference.transport == "registry" and reference.tag is reference.digest is None


def _matching(members: Members, name: str, pattern: re.Pattern[str]) -> str:
    text = members.string(name)
    if not pattern.fullmatch(text):
        raise members.code(f"{members.what}.{name} is malformed", found=repr(text)[:100])
    return text


def _day(members: Members, name: str) -> int:
    """A day as `YYYY-MM-DD`: its first second, UTC."""
    try:
        return times.from_text(f"{members.string(name)}T00:00:00Z")
    except FormatError as error:
        raise members.code(
            f"{members.what}.{name} is not a day", found=error.found, expected="YYYY-MM-DD"
        ) from error


def _check_hash(members: Members, source: str, text: str) -> None:
    if source == "npm" and _INTEGRITY.fullmatch(text):
        return
    try:
        if source != "npm":
            check_digest(text)
            return
    except FormatError as error:
        raise members.code(f"{members.what} has a malformed hash", found=error.found) from error
    raise members.code(
        f"{members.what} has a malformed hash",
        found=repr(text)[:120],
        expected="an npm integrity, sha512-BASE64",
    )


def _table(header: str, tool: Tool) -> str:
    return (
        f'{header}\nname = "{tool.name}"\nversion = "{tool.version}"\nsource = "{tool.source}"\n'
        + _array("hashes", tool.hashes)
    )


def _array(name: str, values: tuple[str, ...]) -> str:
    # names, versions and hashes were matched against alphabets that need no escaping
    return f"{name} = [\n" + "".join(f'    "{value}",\n' for value in values) + "]\n"
