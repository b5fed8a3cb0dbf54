"""What a command hands back, and how it is shown: text for people or one JSON object (`--json`).

stdout is data, stderr is talk. A failure is shown the same way in both forms, and its exit code is
the error family's (docs/reference/exit-codes).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from miniseal.formats.errors import MinisealError, UsageError

__all__ = ["Outcome", "Verb", "show_error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A command's result.

    Attributes:
        result: the `result` member of `--json`.
        lines: the same for people, printed on stdout.
    """

    result: Mapping[str, object]
    lines: tuple[str, ...] = field(default=())


class Verb(click.Command):
    """A command whose callback returns an `Outcome`; adds `--json`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own signature
        """Make the command as click does, with one option more."""
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object.")
        )

    def invoke(self, ctx: click.Context) -> int:
        """Run the callback, show what came of it and return the exit code."""
        as_json = bool(ctx.params.pop("as_json"))
        schema = f"miniseal/{'-'.join(ctx.command_path.split()[1:])}/v1"
        try:
            outcome: Outcome = super().invoke(ctx)
        except MinisealError as error:
            show_error(error, schema if as_json else None)
            return error.exit_code
        if as_json:
            document = {"schema": schema, "ok": True, "result": outcome.result, "error": None}
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            for line in outcome.lines:
                click.echo(line)
        return 0


def show_error(error: MinisealError, schema: str | None) -> None:
    """Print an error: a JSON object on stdout where `schema` is given, else lines on stderr."""
    if schema is not None:
        document = {"schema": schema, "ok": False, "result": None, "error": error.to_json()}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    label = "usage" if isinstance(error, UsageError) else "error"
    click.echo(f"{label}: {error.message} [{error.code}]", err=True)
    for name in ("found", "expected", "hint"):
        value = getattr(error, name)
        if value:
            click.echo(f"  {name + ':':<9} {value}", err=True)
