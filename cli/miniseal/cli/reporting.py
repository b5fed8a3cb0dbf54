"""`--report`: one HTML page about a release, written however the release ends."""

import shlex
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli.files import write_file
from miniseal.cli.outcome import show_error
from miniseal.formats.errors import MinisealError

if TYPE_CHECKING:
    from miniseal.pipeline.flow import Job
    from miniseal.pipeline.graph import Step
    from miniseal.pipeline.release import Released
    from miniseal.pipeline.report.gather import Asked
    from miniseal.pipeline.report.recorder import Recorder

__all__ = ["command_line", "option", "written"]

option = click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what happened as one HTML page, also where the release fails.",
)

_TOKEN = "--identity-token"  # noqa: S105 - the option's name


def command_line() -> str:
    """The command that this process was started with, for a person to run again.

    Without an identity token, which is a secret while it is valid; a report is for everybody.
    """
    words = iter(sys.argv[1:])
    kept: list[str] = []
    for word in words:
        if word == _TOKEN:
            next(words, None)
        elif not word.startswith(f"{_TOKEN}="):
            kept.append(word)
    return shlex.join(["miniseal", *kept])


@contextmanager
def written(
    path: Path | None,
    recorder: "Recorder",
    results: "Mapping[Step[Job, Any], Any]",
    asked: "Asked",
) -> "Generator[Callable[[Released | None], None]]":
    """Write a report of the release that the block makes; the block hands over what came of it.

    A report that cannot be written fails a release that was well, and is only told about where
    the release has failed already.

    Args:
        path: where to; None for no report.
        recorder: of the release's events.
        results: of the steps, as they come.
        asked: for what.

    Raises:
        UsageError: `file-unusable`.
    """
    ended: list[Released | None] = []

    def write(error: Mapping[str, object] | None) -> None:
        if path is None:
            return
        from miniseal.pipeline.report.gather import gather  # slow; few ask for a page
        from miniseal.pipeline.report.page import render

        released = ended[0] if ended else None
        held = released.verdict if released is not None and released.unchanged else None
        report = gather(recorder, results, asked, held=held, error=error)
        write_file(path, render(report).encode("utf-8"))

    try:
        yield ended.append
    except BaseException as failure:
        try:
            write(_error(failure))
        except MinisealError as another:
            show_error(another, None)
        raise
    write(None)


def _error(failure: BaseException) -> Mapping[str, object] | None:
    """What a page says of it; nothing of an interruption, which the events tell."""
    if isinstance(failure, MinisealError):
        return failure.to_json()
    if isinstance(failure, Exception):
        return {"message": f"{type(failure).__name__}: {failure}"}
    return None
