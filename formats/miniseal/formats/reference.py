"""Where content is: a registry's repository, an OCI layout on disk, or a layout in a tar.

    host[:port]/repository[:tag][@sha256:...]
    oci:DIR[:tag][@sha256:...]
    oci-archive:FILE[:tag][@sha256:...]

The grammar is distribution's for registries and containers-transports(5) for the other two. Parsing
touches neither disk nor network.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import Code, FormatError, UsageError

__all__ = ["REFERENCE_MALFORMED", "Reference", "is_tag"]

REFERENCE_MALFORMED = Code(
    "reference-malformed",
    UsageError,
    meaning="a reference is not of a form that is understood",
    cause="a missing transport or host, upper-case letters in a repository, or a stray character",
    remedy="write host[:port]/repo[:tag][@sha256:..], oci:DIR[:tag] or oci-archive:FILE[:tag]",
)

# distribution-spec 1.1, "Pulling manifests": the two regular expressions.
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_HOST = re.compile(
    r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:)|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?"
)
_TRANSPORTS: tuple[Literal["oci", "oci-archive"], ...] = ("oci", "oci-archive")


def is_tag(text: str) -> bool:
    """Whether `text` is a tag by the distribution specification."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A parsed reference.

    Attributes:
        transport: `registry`, `oci` or `oci-archive`.
        location: `host[:port]/repository`, or a path as it was written.
        tag: or None.
        digest: `sha256:` + 64 hex, or None.
    """

    transport: Literal["registry", "oci", "oci-archive"]
    location: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read a reference.

        Raises:
            UsageError: `reference-malformed`.
        """
        rest, digest = _split_digest(text)
        for transport in _TRANSPORTS:
            if rest.startswith(f"{transport}:"):
                return _on_disk(text, transport, rest.removeprefix(f"{transport}:"), digest)
        return _in_registry(text, rest, digest)

    def at(self, *, tag: str | None = None, digest: str | None = None) -> "Reference":
        """The same location with this tag and digest in place of its own."""
        return replace(self, tag=tag, digest=digest)

    def __str__(self) -> str:
        """The text that parses to this reference."""
        scheme = "" if self.transport == "registry" else f"{self.transport}:"
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{scheme}{self.location}{tag}{digest}"


def _split_digest(text: str) -> tuple[str, str | None]:
    """The text before `@sha256:..`, and the digest; an `@` of a path is no digest's."""
    rest, at, digest = text.rpartition("@")
    if not at or "/" in digest:
        return text, None
    try:
        return rest, check_digest(digest)
    except FormatError as error:
        raise _malformed(text) from error


def _on_disk(
    text: str, transport: Literal["oci", "oci-archive"], rest: str, digest: str | None
) -> Reference:
    path, colon, tag = rest.rpartition(":")
    if not colon or not is_tag(tag):
        path, tag = rest, ""
    if not path or "\0" in path or ":" in path:
        raise _malformed(text)
    return Reference(transport=transport, location=path, tag=tag or None, digest=digest)


def _in_registry(text: str, rest: str, digest: str | None) -> Reference:
    host, slash, name = rest.partition("/")
    repository, colon, tag = name.partition(":")
    if (
        not slash
        or not _HOST.fullmatch(host)
        or not _REPOSITORY.fullmatch(repository)
        or (colon and not is_tag(tag))
    ):
        raise _malformed(text)
    return Reference(
        transport="registry", location=f"{host}/{repository}", tag=tag or None, digest=digest
    )


def _malformed(text: str) -> Exception:
    return REFERENCE_MALFORMED("malformed reference", found=repr(text)[:200])
