"""A package's config blob: what it says about the wasm, the assets and what the program asks for.

Ours alone, so reading is strict: only the canonical bytes that writing produces are accepted
(FORMATS section 3). Whether the config tells the truth is `package.check_contents`' business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from miniseal.formats.assets import Executable, executables
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, FormatError
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.formats.wasm.inspect import ImportedModule, Module
from miniseal.formats.wasm.sections import WASM_LIMIT

__all__ = [
    "ASSETS_LIMIT",
    "CONFIG_LIMIT",
    "MEMORY_MOST",
    "PACKAGE_MALFORMED",
    "AssetsInfo",
    "Config",
    "Limits",
    "Toolchain",
    "WasmInfo",
    "check_hosts",
]

CONFIG_LIMIT = 1024 * 1024
ASSETS_LIMIT = 256 * 1024 * 1024
"""Bytes, as is `CONFIG_LIMIT`; the wasm's bound is `WASM_LIMIT`."""
MEMORY_MOST = 4096
"""MiB: all that 32-bit linear memory can address."""

PACKAGE_MALFORMED = Code(
    "package-malformed",
    FormatError,
    meaning="a manifest or config is not that of a Miniseal package",
    cause="another kind of artifact under the reference, or a package that another tool rewrote",
    remedy="use a package as `miniseal build` wrote it; `-wasm` and `-image` are not packages",
)

_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmInfo:
    """What the config says about the wasm.

    Attributes:
        digest: of the `application/wasm` layer.
        size: in bytes.
        kind: `core`, the only one this format version knows.
        world: None for core modules.
        imports: by module name, functions sorted.
        exports: names, sorted.
    """

    digest: str
    size: int
    kind: str
    world: str | None
    imports: tuple[ImportedModule, ...]
    exports: tuple[str, ...]

    @classmethod
    def of(cls, data: bytes, module: Module) -> "WasmInfo":
        """What `data`, read as `module`, has to be described as."""
        return cls(
            digest=sha256(data),
            size=len(data),
            kind="core",
            world=None,
            imports=module.import_modules(),
            exports=module.export_names(),
        )

    @classmethod
    def from_members(cls, members: Members) -> "WasmInfo":
        """Read the `wasm` member."""
        members.only("digest", "exports", "imports", "kind", "size", "world")
        if members.string("kind") != "core" or members.value("world") is not None:
            raise members.code(
                f"{members.what} is of an unknown kind",
                found=members.string("kind"),
                expected="core, without a world",
            )
        return cls(
            digest=members.digest("digest"),
            size=members.integer("size", most=WASM_LIMIT),
            kind="core",
            world=None,
            imports=tuple(
                ImportedModule(
                    # the wasm specification allows an empty module name
                    name=_text(entry.only("functions", "name"), "name"),
                    functions=tuple(entry.strings("functions")),
                )
                for entry in members.children("imports")
            ),
            exports=tuple(members.strings("exports")),
        )

    def to_json(self) -> dict[str, object]:
        """The `wasm` member."""
        return {
            "digest": self.digest,
            "size": self.size,
            "kind": self.kind,
            "world": self.world,
            "imports": [
                {"name": module.name, "functions": list(module.functions)}
                for module in self.imports
            ],
            "exports": list(self.exports),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetsInfo:
    """What the config says about the assets.

    Attributes:
        digest: of the assets layer.
        size: in bytes, of the tar.
        executable: the assets that a host could execute, sorted by name.
    """

    digest: str
    size: int
    executable: tuple[Executable, ...]

    @classmethod
    def of(cls, data: bytes, entries: Mapping[str, bytes]) -> "AssetsInfo":
        """What the tar `data` with these `entries` has to be described as."""
        return cls(digest=sha256(data), size=len(data), executable=executables(entries))

    @classmethod
    def from_members(cls, members: Members) -> "AssetsInfo":
        """Read the `assets` member."""
        members.only("digest", "executable", "size")
        return cls(
            digest=members.digest("digest"),
            size=members.integer("size", most=ASSETS_LIMIT),
            executable=tuple(map(Executable.from_members, members.children("executable"))),
        )

    def to_json(self) -> dict[str, object]:
        """The `assets` member."""
        return {
            "digest": self.digest,
            "size": self.size,
            "executable": [entry.to_json() for entry in self.executable],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the program asks to be run under; a policy's ceilings are the last word.

    Attributes:
        fuel: wasmtime's unit, per call.
        memory_mib: linear memory, MiB.
        wall_ms: milliseconds, per call.
    """

    fuel: int
    memory_mib: int
    wall_ms: int

    @classmethod
    def from_members(cls, members: Members) -> "Limits":
        """Read the `limits` member."""
        members.only("fuel", "memory_mib", "wall_ms")
        return cls(
            fuel=members.integer("fuel", least=1),
            memory_mib=members.integer("memory_mib", least=1, most=MEMORY_MOST),
            wall_ms=members.integer("wall_ms", least=1),
        )

    def to_json(self) -> dict[str, object]:
        """The `limits` member."""
        return {"fuel": self.fuel, "memory_mib": self.memory_mib, "wall_ms": self.wall_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What compiled the wasm.

    Attributes:
        name: of the toolchain.
        version: of its compiler.
        lock: digest of the toolchain section of `miniseal.lock`.
    """

    name: str
    version: str
    lock: str

    @classmethod
    def from_members(cls, members: Members) -> "Toolchain":
        """Read the `toolchain` member."""
        members.only("lock", "name", "version")
        return cls(
            name=members.string("name"),
            version=members.string("version"),
            lock=members.digest("lock"),
        )

    def to_json(self) -> dict[str, object]:
        """The `toolchain` member."""
        return {"name": self.name, "version": self.version, "lock": self.lock}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The package's config blob.

    Attributes:
        manifest: the W3C members.
        wasm: describes the wasm layer.
        assets: describes the assets layer, or None where there is none.
        permissions: per name of `req_permissions`, the interfaces it is used for. The author's
            claim: a host never grants by it.
        allowed_hosts: host names the program wants to reach; exact, no patterns.
        limits: what it asks to be run under.
        toolchain: what compiled it.
    """

    manifest: MiniAppManifest
    wasm: WasmInfo
    assets: AssetsInfo | None
    permissions: dict[str, tuple[str, ...]]
    allowed_hosts: tuple[str, ...]
    limits: Limits
    toolchain: Toolchain

    @classmethod
    def from_bytes(cls, data: bytes) -> "Config":
        """Read a config of at most `CONFIG_LIMIT` bytes, in canonical form.

        Raises:
            FormatError: `package-malformed`, `json-malformed`, `too-large`, `digest-malformed`,
                or an asset list's own code.
        """
        value = loads(data, limit=CONFIG_LIMIT, what="package config")
        whole = Members(value, "config", PACKAGE_MALFORMED)
        w3c = {name: item for name, item in whole.values.items() if name != "miniseal"}
        manifest = MiniAppManifest.from_members(Members(w3c, "config", PACKAGE_MALFORMED))
        config = cls._from_ours(manifest, whole.child("miniseal"))
        if config.to_bytes() != data:
            raise PACKAGE_MALFORMED("package config is not in canonical form")
        return config

    @classmethod
    def _from_ours(cls, manifest: MiniAppManifest, ours: Members) -> "Config":
        names = ("assets", "format", "limits", "network", "permissions", "toolchain", "wasm")
        ours.only(*names).integer("format", least=1, most=1)
        ours.value("assets")
        network = ours.child("network").only("allowed_hosts")
        return cls(
            manifest=manifest,
            wasm=WasmInfo.from_members(ours.child("wasm")),
            assets=AssetsInfo.from_members(ours.child("assets")) if "assets" in ours else None,
            permissions=_permissions(manifest, ours.child("permissions")),
            allowed_hosts=check_hosts(network.strings("allowed_hosts"), ours.code),
            limits=Limits.from_members(ours.child("limits")),
            toolchain=Toolchain.from_members(ours.child("toolchain")),
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON: the W3C members at the top, ours under `miniseal`."""
        ours: dict[str, object] = {
            "format": 1,
            "wasm": self.wasm.to_json(),
            "assets": self.assets.to_json() if self.assets else None,
            "permissions": {name: list(uses) for name, uses in self.permissions.items()},
            "network": {"allowed_hosts": list(self.allowed_hosts)},
            "limits": self.limits.to_json(),
            "toolchain": self.toolchain.to_json(),
        }
        return canonical({**self.manifest.members, "miniseal": ours})


def check_hosts(names: list[str], code: Code) -> tuple[str, ...]:
    """Return `names` if each is a lower-case host name and there once; else raise `code`."""
    for name in names:
        if not _HOST.fullmatch(name):
            raise code(
                "allowed_hosts has something that is not a host name",
                found=repr(name)[:100],
                expected="a lower-case DNS name without scheme, port, path or pattern",
            )
    if len(set(names)) != len(names):
        raise code("allowed_hosts names a host twice")
    return tuple(names)


def _permissions(manifest: MiniAppManifest, members: Members) -> dict[str, tuple[str, ...]]:
    members.only(*(permission.name for permission in manifest.req_permissions))
    return {name: tuple(members.strings(name)) for name in members.values}


def _text(members: Members, name: str) -> str:
    value = members.value(name)
    return members.string(name) if not isinstance(value, str) else value
