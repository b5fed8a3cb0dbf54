"""`miniseal.toml`: how a mini-program is built, tested and published (FORMATS section 2).

Read by pydantic over the dataclasses below, unknown members refused; pydantic's own errors never
get out. Nothing here touches the disk, and nothing compares with the manifest: that is the
project's part.
"""

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from miniseal.formats.config import MEMORY_MOST, check_hosts
from miniseal.formats.errors import Code, UsageError
from miniseal.formats.licenses import is_pattern
from miniseal.formats.manifest import check_permission_name
from miniseal.formats.package import Limits
from miniseal.formats.strictjson import MAX_INTEGER
from miniseal.packager.toml import read_toml

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "PROJECT_INVALID",
    "Assets",
    "Build",
    "Call",
    "CommandTest",
    "LimitSettings",
    "Network",
    "Publish",
    "Scan",
    "Settings",
    "Severity",
]

PROJECT_INVALID = Code(
    "project-invalid",
    UsageError,
    meaning="a mini-program's project cannot be built as its files say",
    cause="a wrong or unknown member of miniseal.toml, a file it names that is not there, "
    "or members that contradict manifest.json",
    remedy="correct the member that the message names; docs/reference lists them all",
)

Severity = Literal["critical", "high", "medium", "low"]
_STRICT: dict[str, object] = {"extra": "forbid", "strict": True}
_INT64_LEAST = -(2**63)
_UINT64_MOST = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """`[build]`.

    Attributes:
        toolchain: a name of `toolchains.TOOLCHAINS`.
        entry: the file to compile, relative to the project; toolchain `command` has none.
        output: what is built; core modules only.
        args: extra compiler options, recorded in the provenance.
        command: for toolchain `command`: what to run.
        inputs: globs of the assets that the compiler reads too; it sees no others.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    toolchain: str
    entry: str | None = None
    output: Literal["core"] = "core"
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """`[assets]`: globs relative to the project; `**` stands for any number of folders."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`[network]`."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """`[limits]`: MiB of linear memory, wasmtime's fuel and milliseconds per call."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    memory_mib: int = 64
    fuel: int = 1_000_000_000
    wall_ms: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `[[test]]`: an export, its arguments and the results that it must have."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    call: str
    args: tuple[int | float, ...] = ()
    expect: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTest:
    """`[test]` as a table: a command that passes by exiting with 0."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """`[scan]`: this project's own bar; a platform's policy is another, and both have to be met.

    Attributes:
        fail_on: the lowest severity of a vulnerability that fails a release.
        fail_on_misconfiguration: the same for settings in configuration files.
        ignore_unfixed: whether to let pass what no other version of the package mends.
        deny_licenses: SPDX identifiers, or patterns such as `GPL-*`, that no part may be under.
        vex: OpenVEX documents of the source tree, by their paths.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    fail_on: Severity = "high"
    fail_on_misconfiguration: Severity = "high"
    ignore_unfixed: bool = False
    deny_licenses: tuple[str, ...] = ()
    vex: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """`[publish]`.

    Attributes:
        to: the reference a release goes to where the command line names none.
        links: whether each step of a release leaves an in-toto link.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    to: str | None = None
    links: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file.

    Attributes:
        test: the calls; empty where `[test]` is a command.
        test_command: the command of a `[test]` table; empty where `[[test]]` has calls.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT
    build: Build
    assets: Assets = Assets()
    permissions: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    network: Network = Network()
    limits: LimitSettings = LimitSettings()
    test: tuple[Call, ...] = ()
    scan: Scan = Scan()
    publish: Publish = Publish()
    test_command: tuple[str, ...] = ()

    @classmethod
    def from_toml(cls, data: bytes) -> "Settings":
        """Read `miniseal.toml`.

        Raises:
            UsageError: `project-invalid`.
        """
        document = read_toml(data, "miniseal.toml", PROJECT_INVALID)
        if "test_command" in document:
            raise _unknown("test_command")
        command: tuple[str, ...] = ()
        if isinstance(document.get("test"), dict):
            command = _read(CommandTest, document.pop("test"), "test").command
            _require(bool(command), "test.command is empty", "a program and its arguments")
        settings = replace(_read(cls, document, ""), test_command=command)
        _check(settings)
        return settings

    @property
    def asked_limits(self) -> Limits:
        """`[limits]` as the package's config carries them."""
        limits = self.limits
        return Limits(fuel=limits.fuel, memory_mib=limits.memory_mib, wall_ms=limits.wall_ms)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """JSON Schema of the file, for editors and docs/reference."""
        from pydantic import TypeAdapter  # slow to import, needed by few callers

        schema = TypeAdapter(Settings).json_schema()
        command = TypeAdapter(CommandTest).json_schema()
        properties = schema["properties"]
        del properties["test_command"]
        properties["test"] = {"anyOf": [properties["test"], command]}
        return schema


_T = TypeVar("_T")


def _check(settings: Settings) -> None:
    """What types cannot say."""
    for name in settings.permissions:
        check_permission_name(name, PROJECT_INVALID)
    check_hosts(list(settings.network.allowed_hosts), PROJECT_INVALID)
    bounds = {"memory_mib": MEMORY_MOST, "fuel": MAX_INTEGER, "wall_ms": MAX_INTEGER}
    for name, most in bounds.items():
        value = getattr(settings.limits, name)
        _require(
            1 <= value <= most,
            f"limits.{name} is out of range",
            f"an integer from 1 to {most}",
            str(value)[:40],
        )
    names = [pattern.lower() for pattern in settings.scan.deny_licenses]
    _require(
        len(set(names)) == len(names), "scan.deny_licenses has something twice", "each one once"
    )
    for pattern in settings.scan.deny_licenses:
        _require(
            is_pattern(pattern),
            "scan.deny_licenses has something that is no licence",
            "an SPDX identifier, with * for any characters",
            repr(pattern)[:100],
        )
    for index, call in enumerate(settings.test):
        for value in (*call.args, *call.expect):
            _require(
                isinstance(value, float) or _INT64_LEAST <= value <= _UINT64_MOST,
                f"test[{index}] has a number that wasm cannot hold",
                "at most 64 bits",
                str(value)[:40],
            )


def _read(kind: type[_T], value: object, where: str) -> _T:
    from pydantic import TypeAdapter, ValidationError  # slow to import

    try:
        # by way of JSON, where a strict reading takes an array for a tuple
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PROJECT_INVALID(
            "miniseal.toml has a value that has no place there",
            found="a date, a time, infinity or nan",
            expected="strings, numbers, booleans, arrays and tables",
        ) from error
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise _invalid(error, where) from error


def _invalid(error: "ValidationError", where: str) -> Exception:
    """The first of pydantic's findings in our words."""
    first = error.errors(include_url=False)[0]
    # a union's members and a map's keys appear as steps that are not in the file
    steps = [step for step in first["loc"] if step not in ("int", "float", "[key]")]
    name = where
    for step in steps:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else str(step)
    if first["type"] == "unexpected_keyword_argument":
        return _unknown(name)
    if first["type"] == "missing":
        return PROJECT_INVALID(f"miniseal.toml lacks {name}")
    message = first["msg"].removeprefix("Input should be ")
    return PROJECT_INVALID(
        f"miniseal.toml has a wrong {name}",
        found=repr(first["input"])[:100],
        expected=message[:1].lower() + message[1:],
    )


def _unknown(name: str) -> Exception:
    return PROJECT_INVALID("miniseal.toml has an unknown member", found=name[:100])


def _require(holds: bool, message: str, expected: str, found: str | None = None) -> None:
    if not holds:
        raise PROJECT_INVALID(message, found=found, expected=expected)
