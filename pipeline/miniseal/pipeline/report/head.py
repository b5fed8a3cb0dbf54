"""The top of a page: what came of the release, in words, and what went wrong where it did."""

from collections.abc import Mapping
from dataclasses import dataclass

from miniseal.formats.predicates.resource import Resource
from miniseal.pipeline.report.claims import Claims
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.steps import Timeline, said_by
from miniseal.pipeline.report.words import count, duration, moment

__all__ = ["Failure", "Head", "failure_of", "head_of"]

_PUSHED = ("push", "verify", "tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The top of the page.

    Attributes:
        state: `released`, `unchanged`, `failed` or `stopped`.
        title: the program and its version.
        verdict: in two or three words.
        sentence: the same with what it means.
        facts: pairs of a word and a text.
    """

    state: str
    title: str
    verdict: str
    sentence: str
    facts: tuple[tuple[str, str], ...]


def head_of(report: Report, claims: Claims, timeline: Timeline) -> Head:
    """What the top of the page says."""
    resolved = report.recorder.runs.get("resolve")
    known: Mapping[str, object] = resolved.facts if resolved else {}
    app = report.app or str(known.get("app", "")) or "a mini-program"
    version = report.version or str(known.get("version", ""))
    state, verdict, sentence = _verdict(report, timeline)
    events = report.recorder.events
    steps = timeline.in_state("done", "cached", "failed", "stopped")
    cached = len(timeline.in_state("cached"))
    took = f"{duration(timeline.seconds)}, {count(len(steps), 'step')}"
    facts = [
        ("Program", app if report.title else ""),
        ("When", moment(events[0].time) if events else ""),
        ("Took", took + (f", {cached} cached" if cached else "") if events else ""),
        ("Repository", report.destination or ""),
        ("Source", _source(claims)),
    ]
    return Head(
        state=state,
        title=f"{report.title or app} {version}".strip(),
        verdict=verdict,
        sentence=sentence,
        facts=tuple((name, text) for name, text in facts if text),
    )


def _verdict(report: Report, timeline: Timeline) -> tuple[str, str, str]:
    """State, words and sentence."""
    if report.failed:
        return _verdict_of_failure(report)
    left = _published(report)
    until = f", until {report.verdict.expires[:10]}" if report.verdict else ""
    steps = count(len(timeline.in_state("done", "cached")), "step")
    if report.unchanged:
        sentence = (
            "The repository holds this very package, and its evidence satisfies the policy"
            f"{until}. Nothing was signed or pushed."
        )
        return "unchanged", "Nothing to do", sentence
    if not report.finished:
        return "stopped", "Not finished", left
    if report.part is not None:
        verdict = f"Done: {report.part}"
        return "released", verdict, f"All {steps} went well. Nothing was signed or pushed."
    if report.until is not None:
        return "unchanged", f"Done up to {report.until}", f"As asked. {left}"
    accepted = f"The host's own verifier accepts what the repository now serves{until}."
    return "released", "Released", f"All {steps} went well. {accepted if report.verdict else left}"


def _verdict_of_failure(report: Report) -> tuple[str, str, str]:
    run, left = report.recorder.failed, _published(report)
    if run is not None and run.state == "stopped" and report.error is None:
        return "stopped", "Interrupted", f"The release was ended during {run.step}. {left}"
    error = report.error or (run.error if run else None) or {}
    why = str(error.get("message") or "the release ended")
    where = f" at {run.step}" if run is not None else ""
    return "failed", f"Stopped{where}", f"{left} The reason: {why}."


def _published(report: Report) -> str:
    """What a release that did not get to its end has left behind."""
    reached = [name for name in _PUSHED if name in report.recorder.runs]
    if not reached:
        return "Nothing was pushed, and no tag was set."
    if "tag" in reached:
        return "The content is in the repository; some of its tags may be missing."
    return "Content may be in the repository, but no tag names it, so no host finds it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What ended a release, and what the step had said."""

    error: Mapping[str, str]
    step: str | None
    lines: tuple[str, ...]
    left_out: int
    again: str | None


def failure_of(report: Report) -> Failure | None:
    """What ended the release; None where it got to its end."""
    if not report.failed:
        return None
    run = report.recorder.failed
    error = report.error or (run.error if run and run.state == "failed" else None) or {}
    lines, left_out = said_by(run) if run else ((), 0)
    return Failure(
        error={name: str(text) for name, text in error.items() if text is not None},
        step=run.step if run else None,
        lines=lines,
        left_out=left_out,
        again=report.again,
    )


def _source(claims: Claims) -> str:
    if claims.build is None:
        return ""
    source = next(iter(claims.build.dependencies), Resource())
    commit = source.digest.get("gitCommit")
    return " at ".join(text for text in (source.uri, commit and f"commit {commit[:12]}") if text)
