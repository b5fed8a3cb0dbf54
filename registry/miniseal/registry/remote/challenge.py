"""How a registry asks for credentials: the `WWW-Authenticate` field (RFC 9110, section 11).

Pure.
"""

import re
from dataclasses import dataclass

from miniseal.registry.remote.codes import REGISTRY_MALFORMED

__all__ = ["Challenge"]

_LIMIT = 8192
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word
_SCHEME = re.compile(rf"[ \t,]*({_TOKEN})(?:[ \t]+|$|(?=,))")
_PARAMETER = re.compile(rf'[ \t,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge.

    Attributes:
        scheme: in lower case.
        parameters: by name in lower case.
    """

    scheme: str
    parameters: dict[str, str]

    @classmethod
    def choose(cls, header: str) -> "Challenge":
        """The challenge of a field that is answered: `Bearer` before `Basic`.

        Raises:
            FormatError: `registry-malformed`, there is neither.
        """
        if len(header) > _LIMIT:
            raise _malformed(header)
        found = {challenge.scheme: challenge for challenge in reversed(_all(header))}
        for scheme in ("bearer", "basic"):
            if scheme in found:
                return found[scheme]
        raise _malformed(header)

    @property
    def realm(self) -> str:
        """The token service's URL, of a `Bearer` challenge; or empty."""
        return self.parameters.get("realm", "")

    @property
    def scopes(self) -> frozenset[str]:
        """What has to be asked for."""
        return frozenset(self.parameters.get("scope", "").split())


def _all(header: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    place = 0
    while scheme := _SCHEME.match(header, place):
        place = scheme.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, place):
            name, quoted, bare = parameter.groups()
            value = bare if quoted is None else _ESCAPED.sub(r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            place = parameter.end()
        challenges.append(Challenge(scheme=scheme[1].lower(), parameters=parameters))
    if header[place:].strip(" \t,"):
        raise _malformed(header)
    return challenges


def _malformed(header: str) -> Exception:
    return REGISTRY_MALFORMED(
        "registry does not say how to log in",
        found=repr(header)[:200],
        expected="WWW-Authenticate: Bearer or Basic",
    )
