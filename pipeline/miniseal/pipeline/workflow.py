"""Workflow commands: lines of output that GitHub's runner obeys, and how others are kept from it.

The runner reads both outputs of a program. It obeys a line that begins, after spaces, with
`::NAME PROPERTIES::DATA`, and an older form, `##[NAME PROPERTIES]DATA`, wherever in a line that is.
Both are made harmless in what strangers wrote, always: whoever reads a log may be such a runner.
"""

from miniseal.pipeline.printable import one_line

__all__ = [
    "SHOWN",
    "TEXT_LIMIT",
    "TITLE_LIMIT",
    "WARNED",
    "command",
    "failure",
    "inert",
    "inert_json",
    "warned",
]

SHOWN = 10
"""Annotations of one kind that GitHub shows for one step; it drops the rest."""

WARNED = 5
"""How many of them are left to what steps warn of."""

TITLE_LIMIT = 200
TEXT_LIMIT = 2000

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = _DATA | {":": "%3A", ",": "%2C"}
_MARK, _OLD_MARK = "::", "##["


def command(name: str, data: str = "", **properties: object) -> str:
    """The line that tells the runner to do something, without its end.

    Args:
        name: of the command, for example `error`.
        data: what it is about, any text.
        properties: by name; an empty one is left out.
    """
    given = {key: str(value) for key, value in properties.items() if value}
    said = ",".join(f"{key}={_escaped(value, _PROPERTY)}" for key, value in given.items())
    return f"{_MARK}{name}{' ' if said else ''}{said}{_MARK}{_escaped(data, _DATA)}"


def failure(step: str, error: object) -> str:
    """The line that annotates what ended a step, or all of it.

    Args:
        step: its name, or empty.
        error: as `MinisealError.to_json` gives it.
    """
    known: dict[object, object] = error if isinstance(error, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    title = ": ".join(str(part) for part in (step, known.get("code")) if part)
    parts = [str(known.get("message") or "it ended")]
    parts += [f"{name}: {known[name]}" for name in ("found", "expected", "hint") if known.get(name)]
    text = "\n".join(one_line(part)[:TEXT_LIMIT] for part in parts)
    return command("error", text, title=one_line(title)[:TITLE_LIMIT])


def warned(step: str, text: str, before: int) -> str | None:
    """The line that annotates what a step warns of, or None where there were too many before."""
    if before >= WARNED:
        return None
    return command("warning", one_line(text)[:TEXT_LIMIT], title=one_line(step)[:TITLE_LIMIT])


def inert(text: str) -> str:
    """The text with a backslash in whatever the runner would obey in one of its lines."""
    if _OLD_MARK in text:
        text = text.replace(_OLD_MARK, "##\\[")
    if _MARK not in text:
        return text
    return "".join(map(_inert_line, text.splitlines(keepends=True)))


def inert_json(text: str) -> str:
    """JSON with the same meaning, which the runner does not obey.

    No line of JSON begins with a colon, and a hash can only be in a string.
    """
    return text.replace(_OLD_MARK, "#\\u0023[")


def _inert_line(line: str) -> str:
    rest = line.lstrip()
    return line[: len(line) - len(rest)] + f"\\{rest}" if rest.startswith(_MARK) else line


def _escaped(text: str, characters: dict[str, str]) -> str:
    return "".join(characters.get(char, char) for char in text)
