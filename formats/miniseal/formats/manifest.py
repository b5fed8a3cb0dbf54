"""`manifest.json`: the W3C MiniApp Manifest members that a package carries, kept as written.

Source: W3C MiniApp Manifest (Working Draft), section "Manifest members". A headless profile is
allowed: `pages` and `icons` may be absent. What identifies, versions and empowers the program is
checked member by member; what only a user interface reads (`window`, `widgets`, ...) is checked for
its kind and kept. Nothing here does I/O.
"""

import re
from dataclasses import dataclass

from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import MAX_INTEGER, loads

__all__ = [
    "MANIFEST_INVALID",
    "MANIFEST_LIMIT",
    "MiniAppManifest",
    "Permission",
    "check_app_id",
    "check_permission_name",
    "check_version_code",
    "check_version_name",
]

MANIFEST_LIMIT = 512 * 1024
"""Bytes of `manifest.json`; half of what the package's config may weigh."""

MANIFEST_INVALID = Code(
    "manifest-invalid",
    UsageError,
    meaning="manifest.json is not a MiniApp manifest that can be packaged",
    cause="a missing or unknown member, a bad app_id or version, or JSON that is not strict",
    remedy="correct the member that the message names; docs/reference lists them all",
)

_APP_ID_LIMIT = 255
_VERSION_LIMIT = 100
_RESERVED_ENDINGS = ("-wasm", "-image")
_APP_ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+")
_PERMISSION = re.compile(r"[A-Za-z][A-Za-z0-9._:/-]{0,127}")
# https://semver.org, the suggested regular expression without its build metadata
_NUMBER = r"(0|[1-9][0-9]*)"
_LABEL = r"(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_SEMVER = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_LABEL}(\.{_LABEL})*)?")
# control characters, line ends, and marks that reorder text on a terminal or a page
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

_TEXTS = ("color_scheme", "description", "dir", "lang", "name", "short_name")
_LISTS = ("device_type", "icons", "pages", "req_permissions", "widgets")
_OBJECTS = ("platform_version", "version", "window")
_KNOWN = sorted(("app_id", *_TEXTS, *_LISTS, *_OBJECTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One entry of `req_permissions`.

    Attributes:
        name: what the program asks for.
        reason: for the user's eyes, or None.
    """

    name: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniAppManifest:
    """The members of a MiniApp manifest that anything decides by, and all of them as written.

    Attributes:
        app_id: reverse DNS, lower case.
        name: for the user's eyes.
        version_code: rises with every release.
        version_name: SemVer without build metadata; also the package's tag.
        platform_min_code: the lowest platform version that can run the program.
        req_permissions: in the author's order, names unique.
        members: every W3C member as the author wrote it.
    """

    app_id: str
    name: str
    version_code: int
    version_name: str
    platform_min_code: int
    req_permissions: tuple[Permission, ...]
    members: dict[str, object]

    @classmethod
    def from_bytes(cls, data: bytes) -> "MiniAppManifest":
        """Read the author's `manifest.json`, at most `MANIFEST_LIMIT` bytes.

        Raises:
            UsageError: `manifest-invalid`.
        """
        try:
            value = loads(data, limit=MANIFEST_LIMIT, what="manifest.json")
        except FormatError as error:
            raise MANIFEST_INVALID(
                error.message, found=error.found, expected=error.expected
            ) from error
        return cls.from_members(Members(value, "manifest.json", MANIFEST_INVALID))

    @classmethod
    def from_members(cls, members: Members) -> "MiniAppManifest":
        """Read the W3C members at hand; every error carries `members.code`."""
        members.only(*_KNOWN)
        _check_kinds(members)
        version = members.child("version").only("code", "name")
        platform = members.child("platform_version").only("min_code", "release_type", "target_code")
        return cls(
            app_id=check_app_id(members.value("app_id"), members.code),
            name=_printable(members, "name"),
            version_code=check_version_code(version.value("code"), members.code),
            version_name=check_version_name(version.value("name"), members.code),
            platform_min_code=platform.integer("min_code"),
            req_permissions=_permissions(members),
            members=dict(members.values),
        )


def check_app_id(value: object, code: Code = MANIFEST_INVALID) -> str:
    """Return `value` if it is an app_id (FORMATS section 1); else raise `code`."""
    if isinstance(value, str) and len(value) <= _APP_ID_LIMIT and _APP_ID.fullmatch(value):
        return value
    raise code(
        "app_id is not a reverse domain name",
        found=repr(value)[:100],
        expected="at least two labels [a-z][a-z0-9-]*, at most 255 characters",
    )


def check_version_name(value: object, code: Code = MANIFEST_INVALID) -> str:
    """Return `value` if it is a version name (FORMATS section 1); else raise `code`."""
    if (
        isinstance(value, str)
        and len(value) <= _VERSION_LIMIT
        and _SEMVER.fullmatch(value)
        and not value.endswith(_RESERVED_ENDINGS)
    ):
        return value
    raise code(
        "version.name cannot be a tag",
        found=repr(value)[:120],
        expected="SemVer without build metadata, at most 100 characters, "
        "not ending in -wasm or -image",
    )


def check_version_code(value: object, code: Code = MANIFEST_INVALID) -> int:
    """Return `value` if it is a version code, 1 to 2**53 - 1; else raise `code`."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_INTEGER:
        return value
    raise code(
        "version.code is out of range",
        found=repr(value)[:60],
        expected=f"an integer from 1 to {MAX_INTEGER}",
    )


def check_permission_name(value: str, code: Code = MANIFEST_INVALID) -> str:
    """Return `value` if it can name a permission; else raise `code`."""
    if _PERMISSION.fullmatch(value):
        return value
    raise code(
        "a permission's name is malformed",
        found=repr(value)[:140],
        expected="a letter, then letters, digits or ._:/-, at most 128 characters",
    )


def _check_kinds(members: Members) -> None:
    for name in _TEXTS:
        if name in members.values:
            members.string(name)
    for name in _LISTS:
        if name in members.values:
            members.items(name)
    for name in _OBJECTS:
        if name in members.values:
            members.child(name)


def _permissions(members: Members) -> tuple[Permission, ...]:
    entries = members.children("req_permissions") if "req_permissions" in members else []
    result = tuple(
        Permission(
            name=check_permission_name(entry.only("name", "reason").string("name"), entry.code),
            reason=_printable(entry, "reason") if "reason" in entry.values else None,
        )
        for entry in entries
    )
    names = [permission.name for permission in result]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise members.code(f"{members.what} asks for a permission twice", found=twice)
    return result


def _printable(members: Members, name: str) -> str:
    text = members.string(name)
    if _UNPRINTABLE.search(text):
        raise members.code(
            f"{members.what}.{name} has characters that cannot be shown safely",
            found=ascii(text)[:100],
            expected="no control characters and no marks that reorder text",
        )
    return text
