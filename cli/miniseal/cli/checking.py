"""Commands that check what is published, and say so on the page of a workflow's run as well."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from miniseal.cli.files import append_summary
from miniseal.cli.outcome import Outcome, Verb, show_error
from miniseal.formats.errors import MinisealError
from miniseal.pipeline.workflow import failure

__all__ = ["Check"]


class Check(Verb):
    """A command about a `reference`; adds `--summary`, and in GitHub Actions annotates a refusal.

    A summary that cannot be written fails a check that was well, and is only told about otherwise.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own signature
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> None:
        """Make the command with one option more."""
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--summary"],
                metavar="FILE",
                envvar="GITHUB_STEP_SUMMARY",
                type=click.Path(path_type=Path, dir_okay=False),
                help="Append the answer as markdown [env: GITHUB_STEP_SUMMARY].",
            )
        )

    def outcome(self, ctx: click.Context) -> Outcome:
        """Run the callback, and tell what came of it."""
        path, what = ctx.params.pop("summary"), str(ctx.params["reference"])
        try:
            outcome = super().outcome(ctx)
        except MinisealError as error:
            self._tell(path, what, Outcome(result={}, exit_code=error.exit_code, error=error))
            raise
        self._tell(path, what, outcome)
        return outcome

    @staticmethod
    def _tell(path: Path | None, what: str, outcome: Outcome) -> None:
        error = outcome.error.to_json() if outcome.error else None
        if error and os.environ.get("GITHUB_ACTIONS") == "true" and sys.stderr is not None:
            click.echo(failure("", error), err=True)
        if path is None:
            return
        from miniseal.pipeline.report.check import render

        try:
            append_summary(path, lambda limit: render(what, outcome.lines, error, limit))
        except MinisealError as another:
            if error is None:
                raise
            show_error(another, None)
