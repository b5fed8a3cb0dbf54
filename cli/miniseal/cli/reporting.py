"""What a command leaves of its run, however it ends: a page, a summary, a log of its findings.

All of them are drawn from one report. One that cannot be written fails a run that was well, and is
only told about where the run has failed already.
"""

import os
import shlex
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import progress as shown
from miniseal.cli.files import FILE_UNUSABLE, append_file, write_file
from miniseal.cli.outcome import show_error
from miniseal.formats.errors import MinisealError

if TYPE_CHECKING:
    from miniseal.pipeline.flow import Job
    from miniseal.pipeline.graph import Step
    from miniseal.pipeline.release import Released
    from miniseal.pipeline.report.gather import Asked
    from miniseal.pipeline.report.model import Report
    from miniseal.pipeline.report.recorder import Recorder

__all__ = ["Outputs", "command_line", "options", "taken", "written"]


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

    def prefix(self, project: Path) -> str:
        """The project's folder as seen from the root of the sources; empty where it is the same."""
        root = (self.source_root or Path()).resolve()
        folder = project.resolve()
        return "" if folder == root or root not in folder.parents else _between(root, folder)


def _between(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()


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
        type=_FILE,
        help="Append what happened as markdown, also where it fails; in a workflow of GitHub "
        "Actions to $GITHUB_STEP_SUMMARY.",
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


@contextmanager
def written(
    outputs: Outputs,
    recorder: "Recorder",
    results: "Mapping[Step[Job, Any], Any]",
    asked: "Asked",
    *,
    project: Path,
    form: str,
) -> "Generator[Callable[[Released | None], None]]":
    """Write what is asked for of the run that the block makes; the block hands over its end.

    Args:
        outputs: what to write.
        recorder: of the run's events.
        results: of the steps, as they come.
        asked: for what.
        project: its folder.
        form: of the progress; where that is GitHub's, findings are annotated.

    Raises:
        UsageError: `file-unusable`.
    """
    ended: list[Released | None] = []

    def write(error: Mapping[str, object] | None) -> list[MinisealError]:
        annotated = shown.form_for(form, sys.stderr, os.environ) == "github"
        if not annotated and outputs == Outputs(source_root=outputs.source_root):
            return []
        from miniseal.pipeline.report.gather import gather  # slow; few ask for it

        released = ended[0] if ended else None
        held = released.verdict if released is not None and released.unchanged else None
        report = gather(recorder, results, asked, held=held, error=error)
        return [*_write(outputs, report, project, annotated=annotated)]

    try:
        yield ended.append
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
    for path, write in (
        (outputs.report, _write_page),
        (outputs.summary, _append_summary),
    ):
        if path is not None:
            try:
                write(path, report)
            except MinisealError as error:
                yield error
    if outputs.sarif is not None:
        try:
            _write_sarif(outputs.sarif, report, prefix, everything=not outputs.sarif_open)
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
    """Append as much as there is room for: of too large a file GitHub shows nothing at all."""
    from miniseal.pipeline.report.summary import SIZE, render

    there = path.stat().st_size if path.is_file() else 0
    start = "\n" if there else ""
    text = render(report, max(0, SIZE - there - len(start)))
    append_file(path, f"{start}{text}".encode() if text else b"")


def _write_sarif(path: Path, report: "Report", prefix: str, *, everything: bool) -> None:
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
