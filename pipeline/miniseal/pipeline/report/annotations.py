"""Findings as annotations: what GitHub shows beside the code, and on the page of a workflow run.

Of one step's annotations GitHub shows ten of each kind and drops the rest, so the worst come first
and no more are made. Whether something is an error here decides nothing: the gate does.
"""

from miniseal.pipeline.printable import one_line
from miniseal.pipeline.report.issues import Issue, Level, issues_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.words import count
from miniseal.pipeline.workflow import SHOWN, TEXT_LIMIT, TITLE_LIMIT, WARNED, command, failure

__all__ = ["annotations_of"]

_COMMANDS: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}


def annotations_of(report: Report, prefix: str = "") -> tuple[str, ...]:
    """The lines that annotate what was found; nothing of what does not count.

    Room is left for what is annotated while steps run: a failure, and some warnings.

    Args:
        report: of the release.
        prefix: the project's folder, as seen from the root of the repository, or empty.
    """
    room: dict[Level, int] = {"error": SHOWN - 1, "warning": SHOWN - WARNED, "note": SHOWN}
    lines = [failure("", report.error)] if report.error and not report.recorder.failed else []
    left = 0
    for issue in issues_of(report) or ():
        if issue.suppressed is not None:
            continue
        if room[issue.level]:
            room[issue.level] -= 1
            lines.append(_annotation(issue, prefix))
        else:
            left += 1
    if left:
        lines.append(f"{count(left, 'more finding')} without an annotation")
    return tuple(lines)


def _annotation(issue: Issue, prefix: str) -> str:
    spot = issue.spot
    return command(
        _COMMANDS[issue.level],
        one_line(issue.text)[:TEXT_LIMIT],
        file=issue.file(prefix) if spot else "",
        line=spot.line if spot else 0,
        title=one_line(f"{issue.rule} ({issue.severity})")[:TITLE_LIMIT],
    )
