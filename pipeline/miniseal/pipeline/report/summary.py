"""A report as markdown: for the page that GitHub shows of a workflow's run.

It says what the HTML page says, in less room. Like it, it is not evidence and decides nothing.
"""

from miniseal.pipeline.report.claims import Claims, claims_of, evidence_of
from miniseal.pipeline.report.findings import Placed, Scanned, Vulnerability, scanned_of
from miniseal.pipeline.report.head import Failure, Head, failure_of, head_of
from miniseal.pipeline.report.limits import limits_of
from miniseal.pipeline.report.making import bill_of, made_of
from miniseal.pipeline.report.markdown import SIZE, Sheet, code, lines, text
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.steps import Row, Timeline, timeline_of
from miniseal.pipeline.report.words import count, plain_list

__all__ = ["render"]

_SIGNS = {"released": "✅", "unchanged": "✅", "failed": "❌", "stopped": "⚠️"}
_OUTPUT = 100
"""Lines of a failed step's output: the last ones."""


def render(report: Report, limit: int = SIZE) -> str:
    """The summary, of at most `limit` bytes as UTF-8; empty where nothing fits."""
    claims = claims_of(report)
    timeline = timeline_of(report)
    scanned = scanned_of(report, claims.scan)
    sheet = Sheet(limit)
    _add_head(sheet, head_of(report, claims, timeline))
    failed = failure_of(report)
    if failed is not None:
        _add_failure(sheet, failed)
    if report.subjects:
        sheet.table(
            "Digests",
            ("what", "tag", "digest"),
            [
                (text(each.name), code(each.tag or ""), code(each.digest))
                for each in report.subjects
            ],
        )
    _add_steps(sheet, timeline)
    _add_scan(sheet, scanned)
    _add_making(sheet, report, claims)
    limits = [
        f"<li><b>{text(each.name)}</b>: {text(each.sentence)}</li>"
        for each in limits_of(report, claims, scanned)
    ]
    sheet.add("<h3>What is not proven</h3>", "<ul>", *limits, "</ul>")
    return str(sheet)


def _add_head(sheet: Sheet, head: Head) -> None:
    sheet.add(f"<h2>{_SIGNS[head.state]} {code(head.title)}: {text(head.verdict)}</h2>")
    sheet.add(f"<p>{text(head.sentence)}</p>")
    facts = [f"<li>{name}: {code(fact)}</li>" for name, fact in head.facts]
    if facts:
        sheet.add("<ul>", *facts, "</ul>")


def _add_failure(sheet: Sheet, failed: Failure) -> None:
    error = failed.error
    words = {"found": "Found", "expected": "Expected", "hint": "To do"}
    rows = [("Error", code(error["code"]))] if "code" in error else []
    if "message" in error:
        rows.append(("Message", text(error["message"])))
    rows += [(word, text(error[name])) for name, word in words.items() if name in error]
    if failed.again:
        rows.append(("Then run again", code(failed.again, 1000)))
    sheet.table("What went wrong" if error else "What happened", (), rows)
    if failed.lines:
        shown = failed.lines[-_OUTPUT:]
        left = failed.left_out + len(failed.lines) - len(shown)
        more = f", without the first {count(left, 'line')}" if left else ""
        sheet.add(
            f"<details><summary>What {code(failed.step or '')} said{more}</summary>",
            lines(shown),
            "</details>",
        )


def _add_steps(sheet: Sheet, timeline: Timeline) -> None:
    idle = timeline.in_state("unneeded")
    ran = [row for row in (*timeline.rows, *timeline.more) if row.state != "unneeded"]
    sheet.table("Steps", ("step", "state", "time", "produced"), [_step(row) for row in ran])
    if idle:
        sheet.add(f"<p>Not needed: {', '.join(code(row.name) for row in idle[:50])}.</p>")


def _step(row: Row) -> tuple[str, ...]:
    facts = ", ".join(f"{text(name)} {code(value, 100)}" for name, value in row.facts[:8])
    warned = "".join(f"<br>warning: {text(each)}" for each in row.warnings[:5])
    return code(row.name), text(row.word), text(row.spent), facts + warned


def _add_scan(sheet: Sheet, scanned: Scanned) -> None:
    if scanned.vulnerabilities is None:
        if scanned.looked:
            seen = text(plain_list([*scanned.looked]))
            sheet.add("<h3>Scan</h3>", f"<p>Not finished. Looked at so far: {seen}.</p>")
    else:
        _add_vulnerabilities(sheet, scanned)
    if scanned.looked:
        _add_placed(sheet, "Secrets", "Nothing looks like one.", scanned.secrets)
        none = "None in the files that the scanner knows."
        _add_placed(sheet, "Misconfiguration", none, scanned.misconfigurations)
    licenses = [
        (code(each.name), text(each.severity), text(", ".join(each.packages), 300))
        for each in scanned.licenses
    ]
    if licenses:
        sheet.table("Licences", ("licence", "severity", "of"), licenses, share=5)


def _add_vulnerabilities(sheet: Sheet, scanned: Scanned) -> None:
    found = scanned.vulnerabilities or ()
    counted = [row for row in found if row.suppressed is None]
    aside = [row for row in found if row.suppressed is not None]
    numbers = ", ".join(f"{number} {word}" for word, number in scanned.severities)
    known = count(len(found), "known vulnerability", "known vulnerabilities")
    sheet.add(
        "<h3>Scan</h3>",
        f"<p>{known.capitalize()}{f': {numbers}' if numbers else ''}. "
        f"{len(counted)} count, {len(aside)} do not.</p>",
    )
    names = ("severity", "vulnerability", "package", "fixed in", "found in")
    if counted:
        rows = [_vulnerability(row) for row in counted]
        sheet.table("Findings that count", names, rows, share=25)
    if aside:
        others = [(*_vulnerability(row), _reason(row)) for row in aside]
        sheet.table("Findings that do not count", (*names, "why"), others, share=15)


def _vulnerability(row: Vulnerability) -> tuple[str, ...]:
    finding = row.finding
    return (
        text(finding.severity),
        code(finding.id),
        code(f"{row.package} {finding.installed or ''}".strip()),
        code(finding.fixed or "") or "no version yet",
        "<br>".join(code(place) for place in row.places[:5]),
    )


def _reason(row: Vulnerability) -> str:
    said = row.suppressed
    if said is None:
        return ""
    parts = [row.verdict, (said.justification or "").replace("_", " ")]
    parts.append(f"“{said.impact_statement}”" if said.impact_statement else "")
    parts.append(f"said by {plain_list([*said.signers])}" if said.signers else "")
    return text("; ".join(part for part in parts if part))


def _add_placed(sheet: Sheet, title: str, none: str, found: tuple[Placed, ...]) -> None:
    if not found:
        sheet.add(f"<h3>{title}</h3>", f"<p>{none}</p>")
        return
    rows = [(text(each.severity), code(each.what), code(each.where)) for each in found]
    sheet.table(title, ("severity", "what", "where"), rows, share=8)


def _add_making(sheet: Sheet, report: Report, claims: Claims) -> None:
    """What it is made of, what was said about it and by whom."""
    groups = bill_of(claims.bill)
    if groups is not None:
        rows = [(text(group.name), str(len(group.components))) for group in groups]
        sheet.table("Bill of materials", ("what", "how many"), rows, share=2)
    evidence = [
        (text(row.name), code(row.kind), text(row.says, 300), text(", ".join(row.signers), 300))
        for row in evidence_of(report)
    ]
    if evidence:
        sheet.table("Evidence", ("statement", "type", "says", "signed by"), evidence)
    made = [
        (text(name), code(value) if exact else text(value))
        for name, value, exact in made_of(report, claims)
    ]
    if made:
        sheet.table("Made by", (), made, share=5)
