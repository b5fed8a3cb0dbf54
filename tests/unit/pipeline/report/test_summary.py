"""The summary as markdown, and what a renderer makes of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import html5lib
import pytest
from html5lib import HTMLParser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kit.reports import GRAPH, REPORTS, failed, interrupted, played, released, unchanged
from miniseal.formats.predicates.vulns import Finding
from miniseal.pipeline.report.claims import claims_of
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.markdown import SIZE
from miniseal.pipeline.report.model import Report, Subject
from miniseal.pipeline.report.summary import render
from miniseal.pipeline.trivy.scan import License, Misconfiguration, Scan, Secret
from miniseal.verifier.vex import Suppressed

HOSTILE = (
    "a|b`c``d\n\n# h\n\n- @octocat #1 [x](https://evil.example) ![](//evil.example/p.png)\n"
    "<img src=x onerror=alert(1)></td></table><script>alert(2)</script>\"'&amp;\n"
    "https://evil.example www.evil.example a@evil.example ::error::x ##[group]x\n\n```\n~~~\n<!--"
)
WORDS = "html head body h2 h3 p ul li b br code pre table tbody tr th td details summary"
TAGS = frozenset(WORDS.split())
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered(report: Report, limit: int = SIZE) -> str:
    return str(MARKDOWN.render(render(report, limit)))


def parsed(page: str) -> Any:
    return html5lib.parse(page, namespaceHTMLElements=False)


def texts(page: str) -> str:
    return " ".join(" ".join(parsed(page).itertext()).split())


def check_inert(report: Report) -> str:
    """What it shows, which has no element, attribute or address but those of a summary."""
    text = render(report)
    blocks = [token.type for token in MARKDOWN.parse(text)]
    assert set(blocks) == {"html_block"}
    page = f"<!doctype html><title></title>{MARKDOWN.render(text)}"
    HTMLParser(strict=True).parse(page)
    for element in parsed(MARKDOWN.render(text)).iter():
        assert element.tag in TAGS
        assert not element.attrib
        if element.tag not in {"code", "pre"}:
            _check_text(element.text)
        _check_text(element.tail)
    return texts(MARKDOWN.render(text))


def _check_text(text: str | None) -> None:
    """No person, issue or address in it, such as GitHub finds in text that is no code."""
    assert not re.search(r"@\w|#\d|://\w|www\.", text or "")


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_a_summary_is_inert_and_the_same_each_time(make: Callable[[], Report]) -> None:
    check_inert(make())
    assert render(make()) == render(make())


def test_a_release_shows_every_fact() -> None:
    seen = check_inert(released())

    for fact in (
        "✅ Tip 1.2.0 : Released",
        "until 2026-12-04",
        *(subject.digest for subject in released().subjects),
        *("test cached", "wasm artifact 1.2.0-wasm"),
        *("3 known vulnerabilities: 1 high, 1 medium, 1 low. 2 count, 1 do not.",),
        *("Findings that do not count", "CVE-2026-21001", "said by security-team"),
        *("merge() is never called", "DS-0002", "Apache-2.0", "Shipped files 2"),
        *("https://slsa.dev/provenance/v1", "dagger 0.21.8", "SLSA Build Level 1"),
        "warning: permission storage is asked for, unused",
    ):
        assert fact in seen, fact


def test_a_failure_says_where_why_and_what_to_do() -> None:
    seen = check_inert(failed())

    for fact in (
        "❌ Tip 1.2.0 : Stopped at gate",
        "secret-found",
        "github-pat in source: src/config.ts line 3",
        "revoke the secret, then remove it from the source",
        "miniseal release . --to oci:registry",
        "What gate said compiling assembly/index.ts",
        "source: src/config.ts, line 3",
    ):
        assert fact in seen, fact


def test_nothing_to_do_says_so() -> None:
    assert "✅ Tip 1.2.0 : Nothing to do" in check_inert(unchanged())


def test_an_interruption_is_no_failure() -> None:
    seen = check_inert(interrupted())

    assert "Interrupted" in seen
    assert "What went wrong" not in seen


def test_a_part_of_a_release_is_not_called_released() -> None:
    recorder = played((0, "build", "started", {}), (1, "build", "finished", {}))

    seen = check_inert(Report(recorder=recorder, graph=GRAPH[:3], part="build"))
    assert "Done: build" in seen
    assert "Nothing was signed or pushed." in seen
    assert "Not needed: resolve , fetch ." in seen


def test_scans_that_did_not_get_to_their_end_say_what_they_saw() -> None:
    scans = {"package": failed().scans["package"]}

    assert "Looked at so far: the package." in check_inert(
        replace(failed(), scans=scans, vulns=None)
    )


def test_no_finding_is_said_to_be_none() -> None:
    report = failed()
    vulns = claims_of(report).scan
    assert vulns is not None

    seen = check_inert(replace(report, vulns=replace(vulns, findings=()), scans={"source": Scan()}))
    assert "No known vulnerabilities. 0 count, 0 do not." in seen
    assert "Nothing looks like one." in seen


def test_nothing_at_all_is_a_summary() -> None:
    assert "a mini-program" in check_inert(Report(recorder=played(), graph=()))


def hostile(text: str) -> Report:
    """Everything that a stranger may write is `text`."""
    error = dict.fromkeys(("code", "message", "found", "expected", "hint"), text)
    report = released()
    finding = Finding(
        id=text, severity="high", package=text, installed=text, fixed=text, source=f"source:{text}"
    )
    vulns = claims_of(report).scan
    assert vulns is not None
    return replace(
        report,
        recorder=played(
            (0, "release", "output", {"text": text}),
            (0, text, "started", {}),
            (0, text, "output", {"text": text}),
            (0, text, "output", {"text": f"warning: {text}"}),
            (0, "build", "cached", {text: text}),
            (0, text, "failed", {"error": error}),
        ),
        graph=(GraphNode(name=text, does=text), *GRAPH),
        app=text,
        title=text,
        version=text,
        destination=text,
        subjects=(Subject(name=text, digest=text, tag=text, purpose=text),),
        statements=({"predicateType": text, "subject": [{"name": text}]}, *report.statements),
        vulns=replace(vulns, findings=(finding, Finding(id="X", severity="low", package=text))),
        scans={
            "source": Scan(
                secrets=(Secret(target=text, line=1, rule=text, severity="high"),),
                licenses=(License(target=text, package=text, name=text, severity="high"),),
                misconfigurations=(
                    Misconfiguration(target=text, id=text, title=text, severity="low"),
                ),
            )
        },
        suppressed=(
            Suppressed(
                finding=finding,
                reason="fixed",
                justification=text,
                impact_statement=text,
                signers=(text,),
                since=text,
            ),
        ),
        signer=text,
        again=text,
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.text(st.characters(exclude_categories=()), max_size=40)
    | st.lists(
        st.sampled_from(
            [*"|`\n<>@#[]()!&*_~-\\ ", "\n\n", "<img src=x>", "</td>", "https://a.b", "@a", "<!--"]
        ),
        max_size=12,
    ).map("".join)
)
@example(text=HOSTILE)
@example(text="-->\n\n@a")
@example(text="")
def test_what_strangers_wrote_is_text(text: str) -> None:
    check_inert(hostile(text))


def test_and_it_is_all_there() -> None:
    seen = check_inert(hostile("<img src=x>|`@a"))

    assert seen.count("<img src=x>|`@a") + seen.count("<img src=x>|`@\u200ba") > 25


@pytest.mark.parametrize("limit", [0, 100, 1000, 5000, 20_000])
def test_a_limit_is_held(limit: int) -> None:
    text = render(hostile(HOSTILE), limit)

    assert len(text.encode("utf-8")) <= limit
    assert all(token.type == "html_block" for token in MARKDOWN.parse(text))


def test_a_great_many_findings_fit_and_the_worst_are_there() -> None:
    report = failed()
    vulns = claims_of(report).scan
    assert vulns is not None
    findings = [
        Finding(id=f"CVE-2026-{number:05}", severity="low", package="pkg:npm/" + "🦭" * 300)
        for number in range(5000)
    ]
    worst = Finding(id="CVE-2026-99999", severity="critical")
    many = replace(vulns, findings=(*findings, worst))

    text = render(replace(report, vulns=many))
    assert len(text.encode("utf-8")) <= SIZE < 1024 * 1024
    assert "CVE-2026-99999" in text
    assert re.search(r"<p>4\d\d\d more rows left out, for want of room\.</p>", text)
    assert "What is not proven" in text
