"""What the runner of GitHub Actions takes for a command in the output of a program.

Written after how it reads a line: a command begins, after spaces, with `::`, ends its name and
properties with the next `::`, and is one of those it knows; or else, anywhere in the line, it is
`##[`, the same, and `]`. Lines end as they do in .NET.
"""

import re
from dataclasses import dataclass, field

__all__ = ["Acted", "acted"]

_KNOWN = frozenset(
    (
        *("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "add-path"),
        *("set-env", "set-output", "save-state", "stop-commands", "echo", "add-matcher"),
        *("remove-matcher", "set-trusted-hosts"),
    )
)
_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Acted:
    """A command that the runner obeys."""

    name: str
    data: str = ""
    properties: dict[str, str] = field(default_factory=dict[str, str])


def acted(log: str) -> list[Acted]:
    """All that the runner would do because of `log`, in order."""
    found = (_new(line) or _old(line) for line in _LINE_END.split(log))
    return [each for each in found if each is not None]


def _new(line: str) -> Acted | None:
    line = line.lstrip()
    if not line.startswith("::"):
        return None
    said, mark, data = line[2:].partition("::")
    name, _, properties = said.partition(" ")
    if not mark or name.lower() not in _KNOWN:
        return None
    pairs = (pair.partition("=") for pair in properties.strip().split(",") if pair)
    codes = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
    return Acted(
        name.lower(),
        _plain(data, {"%0D": "\r", "%0A": "\n", "%25": "%"}),
        {key: _plain(value, codes) for key, equals, value in pairs if equals},
    )


def _old(line: str) -> Acted | None:
    _, mark, rest = line.partition("##[")
    said, end, data = rest.partition("]")
    name = said.partition(" ")[0].lower()
    return Acted(name, data) if mark and end and name in _KNOWN else None


def _plain(text: str, codes: dict[str, str]) -> str:
    for code, char in codes.items():
        text = text.replace(code, char)
    return text
