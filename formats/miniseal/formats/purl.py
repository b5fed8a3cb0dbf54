"""Package URLs (`pkg:npm/%40scope/name@1.0.0?os=linux#lib`): read, and compared.

Only what comparing needs: parts are decoded and, where their type says so, taken to lower case.
Nothing is written, and of a type's other rules none is checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PackageUrl"]

_LIMIT = 4096
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*")
_LOWER = frozenset({"bitbucket", "composer", "deb", "github", "golang", "hex", "oci", "pypi"})
"""Types whose names do not differ by case (purl-spec, types)."""
_RUNS = re.compile(r"[-_.]+")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageUrl:
    """A package, or every version of it.

    Attributes:
        type: for example `npm`.
        namespace: segments joined by `/`, or empty.
        name: within the namespace.
        version: or None.
        qualifiers: key to value; keys in lower case, empty values left out.
        subpath: within the package, or empty.
    """

    type: str
    namespace: str
    name: str
    version: str | None = None
    qualifiers: Mapping[str, str] = field(default_factory=dict[str, str])
    subpath: str = ""

    @classmethod
    def parse(cls, text: str) -> "PackageUrl | None":
        """Read a package URL (purl-spec, "How to parse a purl string"), or None for other text."""
        if len(text) > _LIMIT or text[:4].lower() != "pkg:":
            return None
        rest, _, subpath = text[4:].partition("#")
        rest, _, qualifiers = rest.partition("?")
        kind, _, path = rest.lstrip("/").partition("/")
        path, version = _version(path)
        *spaces, name = [_decoded(part) for part in path.split("/") if part] or [""]
        if not name or _TYPE.fullmatch(kind) is None:
            return None
        kind = kind.lower()
        return cls(
            type=kind,
            namespace=_same(kind, "/".join(spaces)),
            name=_RUNS.sub("-", name.lower()) if kind == "pypi" else _same(kind, name),
            version=_decoded(version) or None,
            qualifiers=_qualifiers(qualifiers),
            subpath="/".join(
                _decoded(part) for part in subpath.split("/") if part not in {"", ".", ".."}
            ),
        )

    @property
    def package(self) -> tuple[str, str, str]:
        """What all versions have in common."""
        return self.type, self.namespace, self.name

    def covers(self, other: "PackageUrl") -> bool:
        """Whether `other` is this package, or one of those that this one stands for.

        What this one leaves open (version, qualifiers, subpath) `other` may have in any way; what
        it says, `other` has to say too.
        """
        return (
            self.package == other.package
            and (self.version is None or self.version == other.version)
            and self.qualifiers.items() <= other.qualifiers.items()
            and self.subpath in {"", other.subpath}
        )


def _version(path: str) -> tuple[str, str]:
    """The path without its version, and the version; a scope's `@` may stand unescaped."""
    name, _, version = path.rpartition("@")
    return (name, version) if name.strip("/") and not name.endswith("/") else (path, "")


def _decoded(text: str) -> str:
    """The text without percent-encoding; bytes that are no UTF-8 stay apart from all that is."""
    encoded = text.encode("utf-8", "backslashreplace")
    raw = _ENCODED.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), encoded)
    return raw.decode("utf-8", "backslashreplace")


def _same(kind: str, text: str) -> str:
    return text.lower() if kind in _LOWER else text


def _qualifiers(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split("&"))
    return {key.lower(): _decoded(value) for key, _, value in pairs if key and value}
