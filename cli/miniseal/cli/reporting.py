"""What a command leaves of its run, however it ends: a page, a summary, a log of its findings.

All of them are drawn from one report. One that cannot be written fails a run that was well, and is
only told about where the run has failed already.
"""

import os
import shlex
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import progress as shown
from miniseal.cli.files import FILE_UNUSABLE, append_summary, write_file
from miniseal.cli.outcome import show_error
from miniseal.formats.errors import MinisealError

if TYPE_CHECKING:
    from miniseal.pipeline.flow import Job
    from miniseal.pipeline.graph import Step
    from miniseal.pipeline.report.gather import Asked
    from miniseal.pipeline.report.model import Report
    from miniseal.pipeline.report.recorder import Recorder
    from miniseal.verifier import Verdict

__all__ = ["Outputs", "Run", "command_line", "options", "reported", "taken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The command line's word on what to leave, one member per option.

    Attributes:
        report: a file for the page, or None.
        summary: a file to append the markdown to, or None.
        sarif: a file for the log of findings, or None.
        sarif_open: whether the log has only findings that count.
        source_root: the folder that names of files are relative to.
    """

    report: Path | None = None
    summary: Path | None = None
    sarif: Path | None = None
    sarif_open: bool = False
    source_root: Path | None = None

    @property
    def asked(self) -> bool:
        """Whether any file is to be written."""
        return any(path is not None for path in (self.report, self.summary, self.sarif))

    def prefix(self, project: Path) -> str:
        """The project's folder as seen from the root; empty where it is not below it."""
        root, folder = (self.source_root or Path()).resolve(), project.resolve()
        return folder.relative_to(root).as_posix() if root in folder.parents else ""


_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--report",
        metavar="FILE",
        type=_FILE,
        help="Write what happened as one HTML page, also where it fails.",
    ),
    click.option(
        "--summary",
        metavar="FILE",
        envvar="GITHUB_STEP_SUMMARY",
        type=_FILE,
        help="Append what happened as markdown, also where it fails [env: GITHUB_STEP_SUMMARY].",
    ),
    click.option(
        "--sarif",
        metavar="FILE",
        type=_FILE,
        help="Write what the scans found as SARIF, also where the gate says no. Where not all "
        "scans were made, there is no file.",
    ),
    click.option(
        "--sarif-open",
        is_flag=True,
        help="Leave out of the SARIF file what does not count: GitHub would show it as open.",
    ),
    click.option(
        "--source-root",
        metavar="DIR",
        envvar="GITHUB_WORKSPACE",
        type=click.Path(path_type=Path, file_okay=False),
        help="The root of the repository, which files are named from in SARIF and annotations; "
        "the current folder by default [env: GITHUB_WORKSPACE].",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options of `Outputs`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(given: dict[str, Any]) -> Outputs:
    """What the options, by their names, say; they are taken out of `given`."""
    return Outputs(**{each.name: given.pop(each.name) for each in fields(Outputs)})


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


@dataclass(slots=True, kw_only=True)
class Run:
    """A run as far as it has come; whoever makes it fills this in.

    Attributes:
        recorder: of its events; a sink.
        results: of its steps, as they come.
        asked: for what.
        held: what a verifier says of the same content in the store, where nothing was to be done.
    """

    recorder: "Recorder"
    asked: "Asked"
    results: "Mapping[Step[Job, Any], Any]" = field(default_factory=dict["Step[Job, Any]", Any])
    held: "Verdict | None" = None


@contextmanager
def reported(outputs: Outputs, *, project: Path, form: str) -> Generator[Run]:
    """Write what is asked for of the run that the block makes, however the block ends.

    Args:
        outputs: what to write.
        project: its folder.
        form: of the progress; where that is GitHub's, findings are annotated.

    Raises:
        UsageError: `file-unusable`.
    """
    from miniseal.pipeline.report.gather import Asked, gather  # needs the extra `pipeline`
    from miniseal.pipeline.report.recorder import Recorder

    run = Run(recorder=Recorder(), asked=Asked())
    annotated = shown.form_for(form, sys.stderr, os.environ) == "github"

    def write(error: Mapping[str, object] | None) -> list[MinisealError]:
        if not annotated and not outputs.asked:
            return []
        report = gather(run.recorder, run.results, run.asked, held=run.held, error=error)
        return [*_write(outputs, report, project, annotated=annotated)]

    try:
        yield run
    except BaseException as failure:
        for another in write(_error(failure)):
            show_error(another, None)
        raise
    for first in write(None):
        raise first


def _write(
    outputs: Outputs, report: "Report", project: Path, *, annotated: bool
) -> Iterator[MinisealError]:
    """Write one after the other, and tell of each that could not be written."""
    prefix = outputs.prefix(project)
    if annotated:
        _annotate(report, prefix)
    sarif = partial(_write_sarif, prefix=prefix, everything=not outputs.sarif_open)
    for path, write in (
        (outputs.report, _write_page),
        (outputs.summary, _append_summary),
        (outputs.sarif, sarif),
    ):
        if path is not None:
            try:
                write(path, report)
            except MinisealError as error:
                yield error


def _annotate(report: "Report", prefix: str) -> None:
    from miniseal.pipeline.report.annotations import annotations_of

    for line in annotations_of(report, prefix):
        click.echo(line, err=True)


def _write_page(path: Path, report: "Report") -> None:
    from miniseal.pipeline.report.page import render

    write_file(path, render(report).encode("utf-8"))


def _append_summary(path: Path, report: "Report") -> None:
    from miniseal.pipeline.report.summary import render

    append_summary(path, lambda limit: render(report, limit))


def _write_sarif(path: Path, report: "Report", *, prefix: str, everything: bool) -> None:
    """Write the log; where there is none, leave no earlier one either."""
    from importlib import metadata

    from miniseal.pipeline.report.sarif import render

    log = render(report, metadata.version("miniseal"), prefix=prefix, everything=everything)
    if log is not None:
        write_file(path, log.encode("ascii"))
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot remove {path}: {error.strerror}") from error


def _error(failure: BaseException) -> Mapping[str, object] | None:
    """What a page says of it; nothing of an interruption, which the events tell."""
    if isinstance(failure, MinisealError):
        return failure.to_json()
    if isinstance(failure, Exception):
        return {"message": f"{type(failure).__name__}: {failure}"}
    return None
