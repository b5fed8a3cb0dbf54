"""What a command hands back, and how it is shown: text for people or one JSON object (`--json`).

stdout is data, stderr is talk. A failure is shown the same way in both forms, and its exit code is
the error family's (docs/reference/exit-codes).
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from miniseal.formats.errors import MinisealError, UsageError
from miniseal.formats.extras import missing, need
from miniseal.pipeline.printable import printable
from miniseal.pipeline.workflow import inert, inert_json

__all__ = ["Outcome", "Verb", "show_error"]

# What JSON leaves as it is and a screen obeys: C1 controls, line ends and direction marks.
_OBEYED = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A command's result.

    Attributes:
        result: the `result` member of `--json`.
        lines: the same for people, printed on stdout.
        exit_code: 1 where the command's answer is no.
        error: why it is no, where the result has more to say than an error does.
    """

    result: Mapping[str, object]
    lines: tuple[str, ...] = ()
    exit_code: int = 0
    error: MinisealError | None = None


class Verb(click.Command):
    """A command whose callback returns an `Outcome`; adds `--json`.

    Attributes:
        extra: of the distribution that the command needs beside `cli`, or None.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own signature
        extra: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> None:
        """Make the command as click does, with one option more."""
        super().__init__(*args, **kwargs)
        self.extra = extra
        self.params.append(
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object.")
        )

    def invoke(self, ctx: click.Context) -> int:
        """Run the callback, show what came of it and return the exit code."""
        as_json = bool(ctx.params.pop("as_json"))
        schema = f"miniseal/{'-'.join(ctx.command_path.split()[1:])}/v1"
        try:
            outcome = self.outcome(ctx)
        except MinisealError as error:
            show_error(error, schema if as_json else None)
            return error.exit_code
        said = outcome.error.to_json() if outcome.error else None
        if as_json:
            ok = outcome.exit_code == 0
            document = {"schema": schema, "ok": ok, "result": outcome.result, "error": said}
            click.echo(_json(document))
        else:
            for line in outcome.lines:
                click.echo(inert(printable(line)))
            if outcome.error is not None:
                show_error(outcome.error, None)
        return outcome.exit_code

    def outcome(self, ctx: click.Context) -> Outcome:
        """Run the callback."""
        try:
            if self.extra is not None:  # first of all, not when a package is at last imported
                need(self.extra)
            outcome: Outcome = super().invoke(ctx)
        except ModuleNotFoundError as error:
            if self.extra is None or (error.name or "").startswith("miniseal"):
                raise
            raise missing(self.extra, error) from error
        return outcome


def show_error(error: MinisealError, schema: str | None) -> None:
    """Print an error: a JSON object on stdout where `schema` is given, else lines on stderr."""
    if schema is not None:
        document = {"schema": schema, "ok": False, "result": None, "error": error.to_json()}
        click.echo(_json(document))
        return
    label = "usage" if isinstance(error, UsageError) else "error"
    click.echo(inert(printable(f"{label}: {error.message} [{error.code}]")), err=True)
    for name in ("found", "expected", "hint"):
        value = getattr(error, name)
        if value:
            click.echo(inert(printable(f"  {name + ':':<9} {value}")), err=True)


def _json(document: Mapping[str, object]) -> str:
    """The document as text that stdout can hold: a file's name may be no text in any encoding."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")  # None where it is closed
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    return inert_json(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
