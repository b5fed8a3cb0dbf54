"""Where a digest or an identifier stands in a statement, and what it was there for.

Every string is looked at, whatever the kind of the statement; for what the kinds of this house say,
there is a name. Nothing is verified here, and nothing read but what is given.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from miniseal.formats.errors import Code, UsageError

__all__ = ["QUERY_MALFORMED", "Query", "Trace", "traces"]

QUERY_MALFORMED = Code(
    "query-malformed",
    UsageError,
    meaning="what to look for is neither a digest nor an identifier that statements carry",
    cause="a digest that was cut off, or a name in its place",
    remedy="give sha256:HEX, sha512:HEX, sha512-BASE64, a git commit, a key's hint, or a URI",
)

_DIGEST = re.compile(r"(?:(?:sha1|sha256|sha512|gitCommit):)?([0-9A-Fa-f]+)")
_ENCODED = re.compile(r"(?:sha256-|sha512-)?([A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)")
_LENGTHS = frozenset({40, 64, 128})
_URI = re.compile(r"(?!sha\d+:)[a-z][a-z0-9+.-]*:[!#-\[\]-~]{1,2000}")  # no quote, no backslash

_TOOLCHAINS = "https://miniseal.dev/toolchains/"
_IMAGES = ("oci:", "docker:", "pkg:oci/", "pkg:docker/")
_ROLES = (
    (("runDetails", "builder", "id"), "builder"),
    (("buildDefinition", "externalParameters", "source"), "source"),
    (("buildDefinition", "externalParameters", "toolchain"), "toolchain"),
    (("scanner", "uri"), "scanner"),
    (("scanner", "db"), "database"),
    (("components",), "component"),
)

_Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for.

    Attributes:
        text: as it was asked for.
        digits: of a digest, hexadecimal and lower-case, whatever its algorithm; None for an
            identifier.
        encoded: the same in base64, without padding; empty for an identifier.
    """

    text: str
    digits: str | None = None
    encoded: str = ""

    @classmethod
    def parse(cls, text: str) -> "Query":
        """Read a digest in any of its spellings, or a URI.

        Raises:
            UsageError: `query-malformed`.
        """
        if (digest := _DIGEST.fullmatch(text)) and len(digest[1]) in _LENGTHS:
            digits = digest[1].lower()
        elif encoded := _ENCODED.fullmatch(text):
            digits = base64.b64decode(encoded[1]).hex()
        elif _URI.fullmatch(text):
            return cls(text=text)
        else:
            raise QUERY_MALFORMED("cannot tell what to look for", found=repr(text)[:200])
        other = base64.b64encode(bytes.fromhex(digits)).decode().rstrip("=")
        return cls(text=text, digits=digits, encoded=other)

    @property
    def digest(self) -> str | None:
        """As `sha256:` + 64 hex, where it can be one."""
        return f"sha256:{self.digits}" if self.digits and len(self.digits) == 64 else None

    def matches(self, text: str) -> bool:
        """Whether `text` is the identifier, or has the digest in it in any spelling."""
        if self.digits is None:
            return text == self.text
        return self.digits in text.lower() or self.encoded in text


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One place where it stands.

    Attributes:
        role: what it was for.
        path: from the predicate down, as `scanner.db.uri` or `components[3].purl`.
    """

    role: str
    path: str


def traces(predicate: Mapping[str, object], query: Query) -> tuple[Trace, ...]:
    """What a predicate says of it: of each role the first place."""
    found: dict[str, Trace] = {}
    for steps, text in _texts(dict(predicate), ()):
        if query.matches(text):
            role = _role(steps, predicate)
            found.setdefault(role, Trace(role=role, path=_path(steps)))
    return tuple(found.values())


def _texts(value: object, steps: _Steps) -> Iterator[tuple[_Steps, str]]:
    """Every string with the steps that lead to it; parsed JSON is at most 32 deep."""
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield (*steps, name), name
            yield from _texts(item, (*steps, name))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _texts(item, (*steps, index))


def _role(steps: _Steps, predicate: Mapping[str, object]) -> str:
    if steps[:2] == ("buildDefinition", "resolvedDependencies") and len(steps) > 2:
        return _dependency(_at(predicate, steps[:3]), steps)
    role = next((role for start, role in _ROLES if steps[: len(start)] == start), "mentioned")
    return f"{role} commit" if role == "source" and "gitCommit" in steps[-1:] else role


def _dependency(resource: object, steps: _Steps) -> str:
    """What a resolved dependency was: a source, a toolchain, an image, a tool, or anything."""
    members = cast("dict[str, object]", resource) if isinstance(resource, dict) else {}
    uri, name = str(members.get("uri") or ""), members.get("name")
    if name == "source":
        return "source commit" if "gitCommit" in steps[-1:] else "source"
    if uri.startswith(_TOOLCHAINS):
        return "toolchain"
    if uri.startswith(_IMAGES):
        return "base image"
    return "tool" if uri.startswith("pkg:") else "dependency"


def _at(value: object, steps: _Steps) -> object:
    for step in steps:
        value = cast("dict[str | int, object]", value)[step]
    return value


def _path(steps: _Steps) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")
