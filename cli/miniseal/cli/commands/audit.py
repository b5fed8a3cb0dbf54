"""`miniseal audit`: the log of a host's decisions, read only if it is whole."""

import re
from collections.abc import Iterable
from pathlib import Path

import click

from miniseal.cli import host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import Code, UsageError
from miniseal.verifier.host.audit import Anchor, Audit
from miniseal.verifier.host.reader import StateReader

__all__ = ["ANCHOR_MALFORMED", "command"]

ANCHOR_MALFORMED = Code(
    "anchor-malformed",
    UsageError,
    meaning="an anchor of the audit log is not a count and a digest",
    cause="it was mistyped, or cut when it was copied",
    remedy="write it as COUNT:sha256:HEX, as `miniseal audit verify` prints it",
)

_ANCHOR = re.compile(r"([1-9][0-9]{0,15}):(sha256:[0-9a-f]{64})")
_FIRST = ("time", "event", "outcome", "app_id")
_HIDDEN = {*_FIRST, "seq", "previous"}

anchors_option = click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="COUNT:DIGEST",
    help="Where the log once ended, kept outside of the state; it has to lead there. Repeatable.",
)


@click.group("audit")
def command() -> None:
    """The log of everything that a host has decided."""


@command.command("show", cls=Verb)
@host.state_option
@click.option("--app", metavar="APP_ID", help="Show the decisions about this program alone.")
@click.option("--last", type=click.IntRange(min=1), help="Show so many lines, the latest.")
@anchors_option
def show(state: Path, app: str | None, last: int | None, anchors: tuple[str, ...]) -> Outcome:
    """Show the lines of the log, oldest first; nothing of a log that is not whole."""
    audit = _read(state, anchors, app_id=app, last=last)
    return Outcome(
        result={**_summary(audit), "entries": list(audit.entries)},
        lines=tuple(map(_line, audit.entries)) or ("nothing was logged",),
    )


@command.command("verify", cls=Verb)
@host.state_option
@anchors_option
def verify(state: Path, anchors: tuple[str, ...]) -> Outcome:
    """Check that each line follows from the one before, and that the head and anchors agree."""
    audit = _read(state, anchors, last=0)
    loose = audit.count - audit.anchored
    return Outcome(
        result=_summary(audit),
        lines=(
            f"{audit.count} lines, whole",
            *((f"  anchor    {audit.count}:{audit.digest}",) if audit.count else ()),
            *((f"  {loose} refused loads since the last decision can still be cut",) * (loose > 0)),
        ),
    )


def _read(
    state: Path, anchors: Iterable[str], *, app_id: str | None = None, last: int | None = None
) -> Audit:
    path = str(state.absolute())
    checked = tuple(map(_anchor, anchors))
    return Audit.read(path, StateReader(path), app_id=app_id, last=last, anchors=checked)


def _anchor(text: str) -> Anchor:
    parts = _ANCHOR.fullmatch(text)
    if parts is None:
        raise ANCHOR_MALFORMED("the anchor is malformed", found=text, expected="COUNT:sha256:HEX")
    return int(parts[1]), parts[2]


def _summary(audit: Audit) -> dict[str, object]:
    return {
        "count": audit.count,
        "digest": audit.digest,
        "anchored": audit.anchored,
        "generation": audit.generation,
    }


def _line(entry: dict[str, object]) -> str:
    first = "  ".join(str(entry[name]) for name in _FIRST if name in entry)
    rest = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in _HIDDEN)
    return f"{first}  {rest}"
