"""The page as text; what a browser makes of it is tests/integration/test_report."""

import re
from collections.abc import Callable
from dataclasses import replace

import html5lib
import pytest
from html5lib import HTMLParser

from kit.reports import APP, GRAPH, REPORTS, failed, interrupted, played, released, unchanged
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.model import Report, Subject
from miniseal.pipeline.report.page import render

HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}{%x%}"


def texts(page: str) -> str:
    """What a reader sees, spaces as one."""
    document = html5lib.parse(page, namespaceHTMLElements=False)
    body = document.find("body")
    return " ".join(" ".join(body.itertext()).split())


def tags(page: str) -> set[str]:
    document = html5lib.parse(page, namespaceHTMLElements=False)
    return {str(element.tag).rpartition("}")[2] for element in document.iter()}


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_a_page_is_valid_html(make: Callable[[], Report]) -> None:
    HTMLParser(strict=True).parse(render(make()))


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_a_page_is_the_same_each_time(make: Callable[[], Report]) -> None:
    assert render(make()) == render(make())


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_a_page_has_no_script_and_fetches_nothing(make: Callable[[], Report]) -> None:
    page = render(make())

    assert not tags(page) & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import", page)


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_ids_are_there_once_and_links_lead_to_them(make: Callable[[], Report]) -> None:
    page = render(make())

    ids = re.findall(r"\bid=\"([^\"]+)\"", page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"href=\"#([^\"]+)\"", page)) <= set(ids)
    named = re.findall(r"aria-labelledby=\"([^\"]+)\"", page)
    assert set(" ".join(named).split()) <= set(ids)


def test_a_release_says_that_all_is_well() -> None:
    seen = texts(render(released()))

    assert "Tip 1.2.0" in seen
    assert "Released All 18 steps went well." in seen
    assert "until 2026-12-04" in seen
    assert "What went wrong" not in seen


def test_a_release_shows_every_fact() -> None:
    seen = texts(render(released()))

    for fact in (
        *(subject.digest for subject in released().subjects),
        *("https://slsa.dev/provenance/v1", "assemblyscript made the wasm from commit"),
        *("CVE-2026-21001", "4.17.21", "vulnerable code not in execute path", "security-team"),
        *("DS-0002", "Apache-2.0", "pkg:npm/lodash@4.17.20", "dagger 0.21.8"),
        *("trivy 0.76.0", "advisories as of 2026-11-20 06:12:09 UTC", "host:storage/kv@1.0.0"),
        *("warning: permission storage is asked for, unused", "SLSA Build Level 1"),
    ):
        assert fact in seen, fact


def test_a_failure_says_where_why_and_what_to_do() -> None:
    seen = texts(render(failed()))

    assert "Stopped at gate Nothing was pushed, and no tag was set. The reason: 1 possible" in seen
    assert "github-pat in source: src/config.ts line 3" in seen
    assert "revoke the secret, then remove it from the source" in seen
    assert "Then run again miniseal release . --to oci:registry" in seen
    assert "What gate said compiling assembly/index.ts" in seen


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("push", "Content may be in the repository, but no tag names it"),
        ("verify", "Content may be in the repository, but no tag names it"),
        ("tag", "some of its tags may be missing"),
    ],
)
def test_a_failure_says_what_it_left_behind(step: str, sentence: str) -> None:
    error = {"code": "disk-full", "message": "no room"}
    recorder = played((0, step, "started", {}), (1, step, "failed", {"error": error}))

    assert sentence in texts(render(Report(recorder=recorder, graph=GRAPH)))


def test_a_failure_outside_every_step_is_shown_too() -> None:
    error = {"code": "key-missing", "message": "no key", "hint": "make one"}

    seen = texts(render(Report(recorder=played(), graph=GRAPH, error=error)))
    assert "Stopped Nothing was pushed, and no tag was set. The reason: no key." in seen
    assert "make one" in seen


def test_an_interruption_is_no_failure() -> None:
    seen = texts(render(interrupted()))

    assert "Interrupted The release was ended during fetch." in seen
    assert "What went wrong" not in seen


def test_scans_that_did_not_get_to_their_end_say_what_they_saw() -> None:
    scans = {"package": failed().scans["package"]}

    seen = texts(render(replace(failed(), scans=scans, vulns=None)))
    assert "Looked at so far: the package." in seen


def test_nothing_to_do_says_so() -> None:
    seen = texts(render(unchanged()))

    assert "Nothing to do The repository holds this very package" in seen
    assert "Nothing was signed or pushed." in seen


def test_a_release_that_was_asked_to_end_early_did_what_it_was_asked() -> None:
    recorder = played((0, "resolve", "started", {}), (1, "resolve", "finished", {"app": APP}))

    seen = texts(render(Report(recorder=recorder, graph=GRAPH, until="resolve")))
    assert f"{APP} Done up to resolve As asked. Nothing was pushed, and no tag was set." in seen


def test_a_release_without_its_last_step_is_not_called_released() -> None:
    recorder = played((0, "resolve", "started", {}), (1, "resolve", "finished", {}))

    seen = texts(render(Report(recorder=recorder, graph=GRAPH)))
    assert "Not finished" in seen
    assert "Released" not in seen


def test_nothing_at_all_is_a_page() -> None:
    page = render(Report(recorder=played(), graph=()))

    HTMLParser(strict=True).parse(page)
    assert "a mini-program" in texts(page)


def test_what_strangers_wrote_is_text_everywhere() -> None:
    error = dict.fromkeys(("code", "message", "found", "expected", "hint"), HOSTILE)
    report = released()
    hostile = replace(
        report,
        recorder=played(
            (0, "release", "output", {"text": HOSTILE}),
            (0, HOSTILE, "started", {}),
            (0, HOSTILE, "output", {"text": HOSTILE}),
            (0, HOSTILE, "output", {"text": f"warning: {HOSTILE}"}),
            (0, "build", "cached", {HOSTILE: HOSTILE}),
            (0, HOSTILE, "failed", {"error": error}),
        ),
        graph=(GraphNode(name=HOSTILE, does=HOSTILE), *GRAPH),
        app=HOSTILE,
        title=HOSTILE,
        version=HOSTILE,
        destination=HOSTILE,
        subjects=(Subject(name=HOSTILE, digest=HOSTILE, tag=HOSTILE, purpose=HOSTILE),),
        statements=(
            {"predicateType": HOSTILE, "subject": [{"name": HOSTILE}]},
            *report.statements,
        ),
        suppressed=tuple(
            replace(each, signers=(HOSTILE,), impact_statement=HOSTILE, since=HOSTILE)
            for each in report.suppressed
        ),
        signer=HOSTILE,
        again=HOSTILE,
    )

    page = render(hostile)
    HTMLParser(strict=True).parse(page)
    assert not tags(page) & {"script", "img"}
    assert page.count("<script") == 0
    assert texts(page).count(" ".join(HOSTILE.split())) > 20


def test_control_characters_do_not_break_the_page() -> None:
    page = render(failed(said="\x1b[31mred\x00\x0b\ud800\r\n\u202e"))

    HTMLParser(strict=True).parse(page)
    page.encode("utf-8")
    assert "\\x1b[31mred\\x00" in texts(page)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_read_on_what_is_behind_it(scheme: int) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for what a picture is made of."""
    blocks = re.findall(r":root \{\n(.*?)\n *\}", render(released()), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme]))

    for text in ("ink", "soft", "good", "bad", "warn", "same"):
        assert _contrast(colours[text], colours["paper"]) >= 4.5, text
    for text in ("ink", "soft"):
        assert _contrast(colours[text], colours["panel"]) >= 4.5, text
    for fill in ("good", "bad", "warn", "same"):
        assert _contrast(colours["on"], colours[fill]) >= 4.5, fill
    assert _contrast(colours["track"], colours["paper"]) >= 3
