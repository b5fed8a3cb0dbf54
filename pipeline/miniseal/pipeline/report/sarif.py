"""Findings as SARIF 2.1.0, for programs that keep lists of them, such as GitHub's code scanning.

The same report makes the same bytes. Every result has a file of the repository, since GitHub
refuses a log with one that has none: its own, or else the project's manifest. There is a log only
where all scans were made: an empty one would say that everything is mended.

A message has no bracket or brace of a stranger's: in SARIF these make links and placeholders.
"""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from miniseal.formats.digest import sha256
from miniseal.pipeline.printable import one_line
from miniseal.pipeline.report.claims import claims_of
from miniseal.pipeline.report.findings import WORST_FIRST
from miniseal.pipeline.report.issues import Issue, Kind, issues_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.words import count
from miniseal.verifier.vex import NO_FIX, Suppressed

__all__ = ["RESULTS", "SIZE", "render"]

RESULTS = 5000
"""Results in a log: GitHub shows no more of one run, and refuses a log of more than 25,000."""

SIZE = 9 * 1024 * 1024
"""Bytes of results and rules: GitHub takes 10 MB, compressed; this is not compressed."""

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
"""What GitHub reads as the severity with that name; nobody knows one for `unknown`."""

_NAMES: dict[Kind, str] = {
    "secret": "LikelySecret",
    "vulnerability": "KnownVulnerability",
    "misconfiguration": "Misconfiguration",
    "license": "Licence",
}
_HELP: dict[Kind, str] = {
    "secret": "Something in this file has the form of a secret. Revoke it first, since whoever has "
    "read the file knows it; then remove it.",
    "vulnerability": "A package of the program has a known vulnerability. Take a version that "
    "mends it, or say in a VEX document why the program is not affected.",
    "misconfiguration": "A setting in this file weakens whatever uses it. Correct the file.",
    "license": "A package or file has a licence that asks for something, or that the scanner does "
    "not know. Look at whether the program may be released with it.",
}
_ADVISORIES = (
    (re.compile(r"CVE-\d{4}-\d{4,19}"), "https://nvd.nist.gov/vuln/detail/"),
    (re.compile(r"GHSA(?:-[0-9a-z]{4}){3}"), "https://github.com/advisories/"),
    (re.compile(r"(?:RUSTSEC|PYSEC|GO|OSV|MAL)-\d{4}-\d{1,19}"), "https://osv.dev/vulnerability/"),
)
_TEXT_LIMIT = 1000
_NAME_LIMIT = 255
_FOLDED = str.maketrans("[]{}", "()()")


def render(
    report: Report, version: str, *, prefix: str = "", everything: bool = True
) -> str | None:
    """The log, or None where not all scans were made.

    Args:
        report: of a release.
        version: of Miniseal.
        prefix: the project's folder, as seen from the root of the repository, or empty.
        everything: with findings that do not count, as suppressed results; GitHub shows these
            like others.
    """
    issues = issues_of(report)
    if issues is None:
        return None
    wanted = [issue for issue in issues if everything or issue.suppressed is None]
    results, rules = _fitting(wanted, prefix)
    left = len(wanted) - len(results)
    app = report.app or "mini-program"
    driver = {
        "name": "Miniseal",
        "version": version,
        "informationUri": "https://miniseal.dev",
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver, "extensions": [*_scanner(report)]},
        "automationDetails": {"id": f"miniseal/{quote(_plain(app, _NAME_LIMIT), safe='')}/"},
        "invocations": [_invocation(report, left)],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "the root of the repository"}}},
        "columnKind": "utf16CodeUnits",
        "results": results,
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return _json(log) + "\n"


def _fitting(
    issues: Iterable[Issue], prefix: str
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Results and rules, as many as there is room for, the worst first."""
    results: list[dict[str, object]] = []
    rules: dict[str, list[Issue]] = {}
    places: dict[str, int] = {}
    size = 0
    for issue in issues:
        name = _rule_name(issue)
        index = places.setdefault(name, len(places))
        result = _result(issue, index, prefix)
        size += len(_json(result)) + (0 if name in rules else len(_json(_rule([issue]))))
        if len(results) == RESULTS or size > SIZE:
            break
        rules.setdefault(name, []).append(issue)
        results.append(result)
    return results, [_rule(found) for found in rules.values()]


def _result(issue: Issue, index: int, prefix: str) -> dict[str, object]:
    spot = issue.spot
    file = quote(_plain(issue.file(prefix)), safe="/")
    place: dict[str, object] = {"artifactLocation": {"uri": file, "uriBaseId": _ROOT}}
    print_ = sha256("\0".join(issue.key).encode("utf-8", "backslashreplace"))
    prints = {"miniseal/v1": print_}
    if spot and spot.line:
        place["region"] = {"startLine": spot.line}
    else:  # else whoever uploads the log takes the hash of the line
        prints["primaryLocationLineHash"] = f"{print_.removeprefix('sha256:')[:16]}:1"
    return {
        "ruleId": _rule_name(issue),
        "ruleIndex": index,
        "level": issue.level,
        "message": {"text": _text(issue.text)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": prints,
        "suppressions": [_suppression(issue.suppressed)] if issue.suppressed else [],
    }


def _suppression(said: Suppressed) -> dict[str, object]:
    parts = [
        "no version has a fix" if said.reason == NO_FIX else said.reason.replace("_", " "),
        (said.justification or "").replace("_", " "),
        said.impact_statement or "",
        f"said by {', '.join(said.signers)}" if said.signers else "",
        f"since {said.since}" if said.since else "",
    ]
    return {
        "kind": "external",
        "status": "accepted",
        "justification": _text("; ".join(part for part in parts if part)),
    }


def _rule(issues: list[Issue]) -> dict[str, object]:
    """What the rule of these is about; of several severities the worst counts."""
    issue = min(issues, key=lambda each: WORST_FIRST.index(each.severity))
    security = issue.kind != "license"
    link = _link(issue)
    score = _SCORES.get(issue.severity) if security else None
    return {
        "id": _rule_name(issue),
        "name": _NAMES[issue.kind],
        "shortDescription": {"text": _text(f"{issue.rule}: {issue.about}")},
        "fullDescription": {"text": _HELP[issue.kind]},
        **({"helpUri": link} if link else {}),
        "help": {"text": f"{_HELP[issue.kind]}{f' See {link}' if link else ''}"},
        "defaultConfiguration": {"level": issue.level},
        "properties": {
            "tags": [issue.kind, *(["security"] if security else [])],
            **({"security-severity": score} if score else {}),
        },
    }


def _rule_name(issue: Issue) -> str:
    return _plain(issue.rule, _NAME_LIMIT) or "unnamed"


def _link(issue: Issue) -> str | None:
    if issue.kind != "vulnerability":
        return None
    found = (base for form, base in _ADVISORIES if form.fullmatch(issue.rule))
    return next((f"{base}{issue.rule}" for base in found), None)


def _scanner(report: Report) -> Iterator[dict[str, object]]:
    scan = claims_of(report).scan
    if scan is not None and scan.scanner_version:
        yield {"name": "trivy", "version": _plain(scan.scanner_version, _NAME_LIMIT)}


def _invocation(report: Report, left: int) -> dict[str, object]:
    """The scan, which was made; and what there was no room for."""
    scan = claims_of(report).scan
    times = {"startTimeUtc": scan.started_on, "endTimeUtc": scan.finished_on} if scan else {}
    text = f"{count(left, 'finding')} left out, for want of room: those that matter least"
    note = {"level": "warning", "message": {"text": text}}
    return {
        "executionSuccessful": True,
        **times,
        **({"toolExecutionNotifications": [note]} if left else {}),
    }


def _plain(text: str, limit: int = 4 * _TEXT_LIMIT) -> str:
    return one_line(text)[:limit]


def _text(text: str) -> str:
    return _plain(text, _TEXT_LIMIT).translate(_FOLDED)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
