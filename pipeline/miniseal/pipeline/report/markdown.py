"""Markdown that holds what strangers wrote, and does nothing of what they wrote.

Every block is one of HTML, which markdown leaves alone until a blank line, and no block has a blank
line in it. So HTML's escapes are enough; what GitHub finds in text after that (people, issues,
addresses) is broken by a character without width, or is in `code`, where it does not look.
"""

from collections.abc import Iterable, Sequence
from html import escape

from miniseal.pipeline.printable import one_line
from miniseal.pipeline.report.words import count

__all__ = ["SIZE", "Sheet", "code", "lines", "text"]

SIZE = 1000 * 1024
"""Bytes of a summary: GitHub drops all of one with more than 1024 KiB."""

_LIMIT = 300
_LINE_LIMIT = 1000
_BROKEN = (("@", "@\u200b"), ("#", "#\u200b"), ("://", ":\u200b//"), ("www.", "www\u200b."))
_END = "<p>The rest is left out, for want of room.</p>\n\n"


def text(value: str, limit: int = 4 * _LIMIT) -> str:
    """A text for people, as HTML."""
    shown = _cut(value, limit)
    for mark, broken in _BROKEN:
        shown = shown.replace(mark, broken)
    return escape(shown)


def code(value: str, limit: int = _LIMIT) -> str:
    """A name for machines, as HTML; nothing for an empty one."""
    return f"<code>{escape(_cut(value, limit))}</code>" if value else ""


def lines(values: Iterable[str]) -> str:
    """Output of a program, as HTML."""
    shown = (escape(_cut(value, _LINE_LIMIT)) for value in values)
    return "<pre>" + "\n".join(line if line.strip() else "&#32;" for line in shown) + "</pre>"


class Sheet:
    """Blocks of HTML, as long as there is room."""

    def __init__(self, limit: int) -> None:
        """Begin with nothing; all of it will have at most `limit` bytes."""
        self._blocks: list[str] = []
        self._limit = limit
        self._room = limit - len(_END)
        self._full = False

    def add(self, *html: str) -> None:
        """Add a block of these lines, each of them already HTML, or none of them."""
        block = "\n".join(html) + "\n\n"
        size = len(block.encode("utf-8"))
        if size > self._room:
            self._full = True
            return
        self._room -= size
        self._blocks.append(block)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        share: int = 10,
    ) -> None:
        """Add a heading and a table of HTML; with as many rows as fit, and how many did not.

        Args:
            title: of the heading; not from a stranger.
            columns: their headings, likewise; empty for a table of names and values.
            rows: cells, each of them already HTML.
            share: of all the room, in percent, that the table may take.
        """
        room = min(self._limit * share // 100, self._room - 300)
        shown: list[str] = []
        for row in rows:
            line = "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
            room -= len(line.encode("utf-8")) + 1
            if room < 0:
                break
            shown.append(line)
        left = len(rows) - len(shown)
        heads = "".join(f"<th>{name}</th>" for name in columns)
        self.add(
            f"<h3>{title}</h3>",
            "<table>",
            *([f"<tr>{heads}</tr>"] if heads else []),
            *shown,
            "</table>",
            *([f"<p>{count(left, 'more row')} left out, for want of room.</p>"] if left else []),
        )

    def __str__(self) -> str:
        """All of it."""
        return "".join([*self._blocks, _END if self._full else ""])[: self._limit]


def _cut(value: str, limit: int) -> str:
    shown = one_line(value)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
