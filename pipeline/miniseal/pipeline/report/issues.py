"""What was found, one after the other: for programs that show findings where they are in the code.

The same findings as on the page, each with its file. Of licences only those that the scanner does
not class as harmless are here: every package has one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from miniseal.pipeline.report.claims import claims_of
from miniseal.pipeline.report.findings import (
    WORST_FIRST,
    Licensed,
    Placed,
    Scanned,
    Spot,
    Vulnerability,
    scanned_of,
)
from miniseal.pipeline.report.model import Report
from miniseal.verifier.vex import Suppressed

__all__ = ["Issue", "Kind", "Level", "issues_of"]

Kind = Literal["secret", "vulnerability", "misconfiguration", "license"]
Level = Literal["error", "warning", "note"]

_KINDS: tuple[Kind, ...] = ("secret", "vulnerability", "misconfiguration", "license")
_LEVELS: dict[str, Level] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "unknown": "warning",
    "low": "note",
}
_MANIFEST = "miniseal.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One finding.

    Attributes:
        kind: of finding.
        rule: what tells this kind of finding from others: an advisory, the id of a check.
        about: what the rule is about, in a few words.
        text: the finding in a sentence.
        severity: in the scanner's words.
        spots: where it was found.
        key: what makes it this finding and no other, wherever its line goes.
        suppressed: why it does not count, or None where it does.
    """

    kind: Kind
    rule: str
    about: str
    text: str
    severity: str
    spots: tuple[Spot, ...]
    key: tuple[str, ...]
    suppressed: Suppressed | None = None

    @property
    def level(self) -> Level:
        """How loud to be about it. A gate lets no secret pass, and refuses few licences."""
        if self.suppressed is not None:
            return "note"
        if self.kind == "secret":
            return "error"
        level = _LEVELS[self.severity]
        if self.kind == "license":
            return "warning" if level == "error" else "note"
        return level

    @property
    def spot(self) -> Spot | None:
        """Its first place in the source, or None where it is in none of its files."""
        placed = (spot for spot in self.spots if spot.place == "source" and _inside(spot.path))
        return next(placed, None)

    def file(self, prefix: str) -> str:
        """The file to show it on: its own, or else the project's manifest.

        Args:
            prefix: the project's folder, as seen from the root of the repository, or empty.
        """
        spot = self.spot
        return "/".join(part for part in (prefix, spot.path if spot else _MANIFEST) if part)


def issues_of(report: Report) -> tuple[Issue, ...] | None:
    """Everything that was found, the worst first, what does not count last.

    None where the scans did not all get to their end: what is not known is not nothing.
    """
    claims = claims_of(report)
    scanned = scanned_of(report, claims.scan)
    if scanned.vulnerabilities is None:
        return None
    return tuple(sorted(_issues(scanned), key=_rank))


def _issues(scanned: Scanned) -> Iterator[Issue]:
    seen: dict[tuple[str, ...], int] = {}
    for row in scanned.vulnerabilities or ():
        yield _of_vulnerability(row)
    for each in scanned.secrets:
        where = each.rule, each.spot.place, each.spot.path
        seen[where] = seen.get(where, 0) + 1
        yield _of_secret(each, seen[where])
    for each in scanned.misconfigurations:
        where = each.rule, each.spot.place, each.spot.path
        seen[where] = seen.get(where, 0) + 1
        yield _of_setting(each, seen[where])
    for licensed in scanned.licenses:
        if licensed.severity != "low":
            yield from _of_license(licensed)


def _of_vulnerability(row: Vulnerability) -> Issue:
    finding = row.finding
    fix = f"Fixed in {finding.fixed}." if finding.fixed else "No version has a fix yet."
    name = f"{row.package} {finding.installed or ''}".strip()
    source = tuple(spot.path for spot in row.spots if spot.place == "source")
    return Issue(
        kind="vulnerability",
        rule=finding.id,
        about="a known vulnerability of a package",
        text=f"{name} has {finding.id} ({finding.severity}). {fix} {_found(row.spots)}",
        severity=finding.severity,
        spots=row.spots,
        key=(finding.id, row.package, *source[:1]),
        suppressed=row.suppressed,
    )


def _of_secret(each: Placed, number: int) -> Issue:
    return Issue(
        kind="secret",
        rule=f"secret/{each.rule}",
        about=f"what looks like a secret: {each.rule}",
        text=f"This looks like a secret: {each.rule}. Revoke it, then remove it. "
        f"{_found((each.spot,))}",
        severity=each.severity,
        spots=(each.spot,),
        key=(each.rule, each.spot.place, each.spot.path, str(number)),
    )


def _of_setting(each: Placed, number: int) -> Issue:
    return Issue(
        kind="misconfiguration",
        rule=each.rule,
        about=each.title or "a setting of a configuration file",
        text=f"{each.what} ({each.severity}). {_found((each.spot,))}",
        severity=each.severity,
        spots=(each.spot,),
        key=(each.rule, each.spot.place, each.spot.path, str(number)),
    )


def _of_license(row: Licensed) -> Iterator[Issue]:
    """One for each file that has it, or lists packages that have it; the bill only repeats them."""
    for spot in row.spots:
        if spot.path:
            yield Issue(
                kind="license",
                rule=f"license/{row.name}",
                about="a licence with duties, or one that the scanner does not know",
                text=f"The licence {row.name} ({row.severity}): {_listed(row.packages)}. "
                f"{_found((spot,))}",
                severity=row.severity,
                spots=(spot,),
                key=(row.name, spot.place, spot.path),
            )


def _listed(names: tuple[str, ...]) -> str:
    left = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + left


def _found(spots: tuple[Spot, ...]) -> str:
    shown = "; ".join(map(str, spots[:5]))
    left = f" and {len(spots) - 5} more places" if len(spots) > 5 else ""
    return f"Found in {shown}{left}." if shown else ""


def _inside(path: str) -> bool:
    """Whether it is the name of a file below some folder, as names in a repository are."""
    parts = path.split("/")
    return bool(path) and not any(part in {"", ".", ".."} for part in parts)


def _rank(issue: Issue) -> tuple[object, ...]:
    return (
        issue.suppressed is not None,
        issue.kind == "license",
        WORST_FIRST.index(issue.severity),
        _KINDS.index(issue.kind),
        issue.rule,
        issue.spots,
        issue.key,
    )
