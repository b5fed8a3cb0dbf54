"""One HTML page about a release: complete in itself, the same bytes for the same report.

No script, nothing fetched; a policy in the page forbids both. Everything that anybody could have
written is text to the template, never markup.
"""

from collections.abc import Sequence

from miniseal.pipeline.printable import printable
from miniseal.pipeline.report.claims import Evidence, claims_of, evidence_of, imports_of
from miniseal.pipeline.report.findings import scanned_of
from miniseal.pipeline.report.head import failure_of, head_of
from miniseal.pipeline.report.limits import limits_of
from miniseal.pipeline.report.making import bill_of, made_of, tools_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.picture import described, lying, standing
from miniseal.pipeline.report.steps import timeline_of
from miniseal.pipeline.report.words import count, plain_list

__all__ = ["render"]


def render(report: Report) -> str:
    """The page, as text to be written as UTF-8."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # slow; few ask for a page

    environment = Environment(
        loader=PackageLoader("miniseal.pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    claims = claims_of(report)
    timeline = timeline_of(report)
    scanned = scanned_of(report, claims.scan)
    evidence = evidence_of(report)
    return environment.get_template("report.html.jinja").render(
        count=count,
        listed=plain_list,
        report=report,
        head=head_of(report, claims, timeline),
        failure=failure_of(report),
        timeline=timeline,
        lying=lying(timeline.rows),
        standing=standing(timeline.rows),
        described=described(timeline.rows),
        evidence=evidence,
        about=_about(evidence),
        bundles=report.verdict.evidence if report.verdict and report.statements else (),
        scanned=scanned,
        claims=claims,
        imports=tuple(imports_of(claims.capabilities)) if claims.capabilities else None,
        bill=bill_of(claims.bill),
        made=made_of(report, claims),
        tools=tools_of(claims),
        limits=limits_of(report, claims, scanned),
    )


def _shown(value: object) -> object:
    """A text as a page may hold it; what is markup already is ours."""
    return printable(value) if type(value) is str else value


def _about(evidence: Sequence[Evidence]) -> str | None:
    """What all statements are about, where that is the same."""
    subjects = {row.subjects for row in evidence}
    return plain_list([*subjects.pop()]) if len(subjects) == 1 else None
