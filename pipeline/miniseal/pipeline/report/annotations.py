"""Findings as annotations: what GitHub shows beside the code, and on the page of a workflow run.

Of one step's annotations GitHub shows ten of each kind and drops the rest, so the worst come first
and no more are made. Whether something is an error here decides nothing: the gate does.
"""

from miniseal.pipeline.printable import one_line
from miniseal.pipeline.report.issues import Issue, Level, issues_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.words import count
from miniseal.pipeline.workflow import command

__all__ = ["SHOWN", "annotations_of", "failure", "warned"]

SHOWN = 10
"""Annotations of one kind that GitHub shows for one step."""

_WARNED = 5
"""How many of them are left to what steps warn of."""

_COMMANDS: dict[Level, str] = {"error": "error", "warning": "warning", "note": "notice"}
_TITLE_LIMIT = 200
_TEXT_LIMIT = 2000


def annotations_of(report: Report, prefix: str = "") -> tuple[str, ...]:
    """The lines that annotate what was found; nothing of what does not count.

    Room is left for what is annotated while steps run: a failure, and some warnings.

    Args:
        report: of the release.
        prefix: the project's folder, as seen from the root of the repository, or empty.
    """
    room: dict[Level, int] = {"error": SHOWN - 1, "warning": SHOWN - _WARNED, "note": SHOWN}
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


def failure(step: str, error: object) -> str:
    """The line that annotates what ended a step, or all of it.

    Args:
        step: its name, or empty.
        error: as `MinisealError.to_json` gives it.
    """
    known: dict[object, object] = error if isinstance(error, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    title = ": ".join(str(part) for part in (step, known.get("code")) if part)
    parts = [str(known.get("message") or "it ended")]
    parts += [f"{name}: {known[name]}" for name in ("found", "expected", "hint") if known.get(name)]
    text = "\n".join(one_line(part)[:_TEXT_LIMIT] for part in parts)
    return command("error", text, title=one_line(title)[:_TITLE_LIMIT])


def warned(step: str, text: str, before: int) -> str | None:
    """The line that annotates what a step warns of, or None where there were too many before."""
    if before >= _WARNED:
        return None
    return command("warning", one_line(text)[:_TEXT_LIMIT], title=one_line(step)[:_TITLE_LIMIT])


def _annotation(issue: Issue, prefix: str) -> str:
    spot = issue.spot
    return command(
        _COMMANDS[issue.level],
        one_line(issue.text)[:_TEXT_LIMIT],
        file=issue.file(prefix) if spot else "",
        line=spot.line if spot else 0,
        title=one_line(f"{issue.rule} ({issue.severity})")[:_TITLE_LIMIT],
    )
