"""What a release does not prove, in plain sentences: the other half of every report.

Each sentence follows from what the report knows, so that it is there when it is true and not
otherwise. The threat model says the same at more length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from miniseal.pipeline.report.claims import Claims
from miniseal.pipeline.report.findings import Scanned
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.words import count, plain_list

__all__ = ["Limit", "limits_of"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that is not proven: what it is about, in a few words, and a sentence or two."""

    name: str
    sentence: str


_OWN = ("https://miniseal.dev/builders/local", "https://miniseal.dev/builders/dagger")


def limits_of(report: Report, claims: Claims, scanned: Scanned) -> tuple[Limit, ...]:
    """Everything that this release leaves open, from the build to this page."""
    return (
        *_of_build(report, claims),
        *_of_rebuild(claims),
        *_of_tests(report, claims),
        *_of_scan(claims, scanned),
        *_of_trust(report, claims),
        Limit(
            "This page",
            "It is not signed and decides nothing. Verify the package itself before you rely on "
            "it: a host does that before it loads.",
        ),
    )


def _of_build(report: Report, claims: Claims) -> Iterator[Limit]:
    builder = claims.build.builder_id if claims.build else _OWN[0]
    if _isolation(report, claims) is None and (claims.build or report.engine):
        yield Limit(
            "Isolation",
            "The toolchain ran without any. It could read and change everything that its user "
            "can, so nothing about this build is kept apart from the machine it ran on.",
        )
    built = "build" in report.recorder.runs and report.part is None
    if builder.startswith(_OWN) and (claims.build or built):
        yield Limit(
            "Who built it",
            "The machine of whoever released it: SLSA Build Level 1. The provenance is the "
            "publisher's own word, and nobody else watched.",
        )


def _isolation(report: Report, claims: Claims) -> object:
    if report.engine is not None:
        return report.engine.isolation
    return claims.build.internal_parameters.get("isolation") if claims.build else None


def _of_rebuild(claims: Claims) -> Iterator[Limit]:
    went = claims.check("rebuild")
    if went == "passed":
        yield Limit(
            "The second build",
            "It had another path, user, locale and umask, but the same machine, tools and day. "
            "Only a rebuild by somebody else is independent.",
        )
    elif went is not None:
        yield Limit(
            "Where the wasm is from",
            "Nothing was built here: the wasm was in the source already, and no second build can "
            "show what it was made from.",
        )


def _of_tests(report: Report, claims: Claims) -> Iterator[Limit]:
    run = report.recorder.runs.get("test")
    passed = run.facts.get("passed") if run else None
    if claims.check("program") == "passed":
        calls = (
            f"the {count(passed, 'call')}" if isinstance(passed, int) and passed else "the calls"
        )
        yield Limit(
            "The program's tests",
            f"They made {calls} that the project lists, and looked at nothing else that the "
            "program can do.",
        )
    elif claims.check("program") is not None:
        yield Limit("The program's tests", "There are none: nothing of the program has been run.")


def _of_scan(claims: Claims, scanned: Scanned) -> Iterator[Limit]:
    if claims.scan is not None:
        yield Limit(
            "The scan",
            f"It knows the advisories that were published by {claims.scan.database_updated[:10]}, "
            "about packages that a lock file or the package names. Code that was copied in has "
            "no name.",
        )
    said = [row.suppressed for row in scanned.vulnerabilities or () if row.suppressed]
    if said:
        who = sorted({name for each in said for name in each.signers})
        yield Limit(
            "Findings that do not count",
            f"{count(len(said), 'finding')} of the scan, on the word of "
            f"{plain_list(who) or 'a rule'}. Whether that is right was not checked.",
        )
    if claims.check("secrets") is not None:
        yield Limit(
            "Secrets",
            "They are looked for by their form. One that looks like nothing in particular is not "
            "found.",
        )


def _of_trust(report: Report, claims: Claims) -> Iterator[Limit]:
    if claims.build is not None and len(claims.build.dependencies) > 1:
        yield Limit(
            "The tools",
            "They are the bytes that the lock file names. That these are honest was not checked.",
        )
    if report.statements or report.unchanged:
        yield Limit(
            "The signatures",
            "They show which key signed. A key that was stolen signs as well as before, until a "
            "policy denies it.",
        )
    if report.verdict is not None and report.own_policy:
        yield Limit(
            "The verdict",
            "It is by the project's own policy, since no platform's was given. A platform may "
            "demand more.",
        )
