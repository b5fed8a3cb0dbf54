"""Texts of strangers, made fit to be shown: names, output and errors may hold what a screen obeys.

Control characters, direction marks and what is no character are escaped. Markup is not looked at.
"""

from unicodedata import category

__all__ = ["one_line", "printable", "size"]


def printable(text: str) -> str:
    """The text without what a screen would obey; line ends and tabs stay."""
    return "".join(char if char in "\n\t" else _plain(char) for char in text)


def one_line(text: str) -> str:
    """The same on one line: a line end in it is escaped, a tab is a space."""
    return "".join(" " if char == "\t" else _plain(char) for char in text)


def size(count: int) -> str:
    """Bytes for people, as `12.3 MiB`."""
    if count < 1024:
        return f"{count} B"
    units = ("KiB", "MiB", "GiB", "TiB")
    shown = count / 1024
    for unit in units[:-1]:
        if shown < 1024:
            return f"{shown:.1f} {unit}"
        shown /= 1024
    return f"{shown:.1f} {units[-1]}"


def _plain(char: str) -> str:
    kind = category(char)
    if kind[0] not in "CZ" or kind == "Zs":
        return char
    return char.encode("unicode_escape").decode("ascii")
