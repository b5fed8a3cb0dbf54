from dataclasses import replace

import pytest

from kit.reports import failed, interrupted, played, released, unchanged
from kit.runner import Acted, acted
from miniseal.pipeline.report.annotations import annotations_of
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.trivy.scan import Misconfiguration, Scan, Secret
from miniseal.pipeline.workflow import SHOWN

HOSTILE = "x\n::error::y\r##[group]z,a=b:c%0A"


def annotated(report: Report, prefix: str = "") -> list[Acted]:
    return acted("\n".join(annotations_of(report, prefix)))


def with_scan(**found: object) -> Report:
    scan = Scan(**found)  # type: ignore[arg-type]
    return replace(failed(), scans={"source": scan})


def test_a_finding_is_on_its_file_and_line() -> None:
    assert annotated(failed(), "apps/tip")[0] == Acted(
        "error",
        "This looks like a secret: github-pat. Revoke it, then remove it. "
        "Found in source: src/config.ts, line 3.",
        {
            "file": "apps/tip/src/config.ts",
            "line": "3",
            "title": "secret/github-pat (critical)",
        },
    )


def test_a_vulnerability_is_on_the_lock_file() -> None:
    [found] = [each for each in annotated(failed()) if "CVE-2026-21001" in each.data]

    assert (found.name, found.properties["file"]) == ("error", "package-lock.json")
    assert "line" not in found.properties


def test_what_does_not_count_is_not_annotated() -> None:
    assert "CVE-2026-21001" not in str(annotated(released()))
    assert len(annotated(released())) == 3


def test_what_is_in_no_file_is_on_none() -> None:
    secret = Secret(target="app.wasm", line=3, rule="r", severity="high")
    report = replace(failed(), scans={"package": Scan(secrets=(secret,))})

    assert annotated(report)[0].properties == {"title": "secret/r (high)"}


def test_the_worst_come_first_and_no_more_than_are_shown() -> None:
    settings = tuple(
        Misconfiguration(target="a", id=f"m{number}", title="t", severity=severity, line=number)
        for severity in ("critical", "high", "medium", "low")
        for number in range(1, 13)
    )
    lines = annotations_of(with_scan(misconfigurations=settings))

    shown = acted("\n".join(lines))
    names = [each.name for each in shown]
    counts = {name: names.count(name) for name in ("error", "warning", "notice")}
    assert counts == {"error": SHOWN - 1, "warning": SHOWN - 5, "notice": SHOWN}
    assert lines[-1] == f"{51 - sum(counts.values())} more findings without an annotation"
    severities = [each.properties["title"].partition(" (")[2] for each in shown[:9]]
    assert set(severities) == {"critical)"}


@pytest.mark.parametrize("report", [unchanged(), interrupted()], ids=["unchanged", "interrupted"])
def test_without_findings_there_is_nothing(report: Report) -> None:
    assert annotations_of(report) == ()


def test_a_failure_outside_every_step_is_annotated() -> None:
    error = {"code": "key-missing", "message": "no key", "hint": "make one", "found": None}
    report = Report(recorder=played(), graph=(), error=error)

    assert annotated(report) == [Acted("error", "no key\nhint: make one", {"title": "key-missing"})]


def test_one_of_a_step_was_annotated_when_it_happened() -> None:
    error = {"code": "secret-found", "message": "1 possible secret"}

    assert annotated(replace(failed(), error=error)) == annotated(failed())


def test_what_strangers_wrote_is_text_of_an_annotation() -> None:
    report = with_scan(
        secrets=(Secret(target=HOSTILE, line=1, rule=HOSTILE, severity="high"),),
        misconfigurations=(
            Misconfiguration(target=HOSTILE, id=HOSTILE, title=HOSTILE, severity="low", line=2),
        ),
    )

    found = annotated(report, HOSTILE)
    assert [each.name for each in found] == ["error", "error", "warning", "notice", "notice"]
    assert all(set(each.properties) <= {"file", "line", "title"} for each in found)
    assert all("\n" not in each.data for each in found)
