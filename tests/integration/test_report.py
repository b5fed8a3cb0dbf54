"""A report as its readers see it: in a browser, at a narrow and a wide window, light and dark."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from html5lib import HTMLParser

from kit.browser import Browser
from kit.reports import REPORTS, failed
from miniseal.pipeline.report.page import render

WIDTHS = (400, 1280)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every report."""
    folder = tmp_path_factory.mktemp("reports")
    for name, make in REPORTS.items():
        (folder / f"{name}.html").write_text(render(make()), encoding="utf-8")
    return folder


def background(png: bytes) -> tuple[int, ...]:
    """The colour of the first pixel of a PNG without interlacing, 8 bits a channel."""
    at, data, channels = 8, b"", 3
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            channels = {2: 3, 6: 4}[body[9]]
        data += body if kind == b"IDAT" else b""
        at += size + 12
    return tuple(zlib.decompress(data)[1 : 1 + channels][:3])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_fits_can_be_read_and_asks_for_nothing(
    browser: Browser, pages: Path, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    with browser.open(pages / f"{name}.html", width=width, dark=scheme == "dark") as page:
        picture = page.screenshot()
        texts, poor = page.poor_contrast()

        assert page.overflow() == []
        assert page.size()[0] == width
        assert (texts > 50, poor) == (True, [])
        assert (page.complaints, page.requests) == ([], [])
    (tmp_path / f"{name}-{width}-{scheme}.png").write_bytes(picture)
    light = sum(background(picture)) > 600
    assert light == (scheme == "light")


@pytest.mark.parametrize(("width", "shown"), [(400, "standing"), (1280, "lying")])
def test_the_graph_is_turned_to_fit_the_window(
    browser: Browser, pages: Path, width: int, shown: str
) -> None:
    with browser.open(pages / "released.html", width=width) as page:
        seen = page.evaluate(
            "[...document.querySelectorAll('svg.graph')].filter((e) => e.clientWidth)"
            ".map((e) => e.classList[1])"
        )
        smallest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg.graph text')]"
            ".filter((e) => e.getBoundingClientRect().width)"
            ".map((e) => e.getBoundingClientRect().height))"
        )

    assert seen == [shown]
    assert smallest >= 11  # pixels of a line of text, as small as it can be and still be read


@pytest.mark.parametrize("width", WIDTHS)
def test_labels_of_the_graph_do_not_cover_each_other(
    browser: Browser, pages: Path, width: int
) -> None:
    with browser.open(pages / "failed.html", width=width) as page:
        covered = page.evaluate(
            """(() => {
              const all = [...document.querySelectorAll("svg.graph text")]
                .map((e) => [e.textContent, e.getBoundingClientRect()])
                .filter(([, b]) => b.width);
              const meet = (a, b) =>
                a.left < b.right - 1 && b.left < a.right - 1 &&
                a.top < b.bottom - 4 && b.top < a.bottom - 4;
              return all.flatMap(([t, a], i) =>
                all.slice(i + 1).filter(([, b]) => meet(a, b)).map(([u]) => `${t} / ${u}`));
            })()"""
        )

    assert covered == []


def test_a_bar_has_the_colour_of_its_own_step(browser: Browser, pages: Path) -> None:
    with browser.open(pages / "failed.html", width=1280) as page:
        colours = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('.timeline tbody tr')].map((e) =>"
            "[e.className, getComputedStyle(e.querySelector('.bar')).backgroundColor]))"
        )

    assert set(colours) == {"done", "cached", "failed", "stopped"}
    assert len(set(colours.values())) == 4


def test_one_click_selects_a_digest(browser: Browser, pages: Path) -> None:
    with browser.open(pages / "released.html", width=1280) as page:
        where = page.evaluate(
            "(() => { const e = document.querySelector('.digest');"
            "e.scrollIntoView({behavior: 'instant'});"
            "const b = e.getBoundingClientRect(); return [b.left + 20, b.top + 8] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            page.ask(
                "Input.dispatchMouseEvent",
                type=kind,
                x=where[0],
                y=where[1],
                button="left",
                clickCount=1,
            )

        assert page.evaluate("getSelection().toString()").startswith("sha256:")
        assert len(page.evaluate("getSelection().toString()")) == 71


def test_the_policy_of_the_page_forbids_scripts(browser: Browser, tmp_path: Path) -> None:
    page = render(failed()).replace("</main>", "<script>document.title = 'ran'</script></main>")
    (tmp_path / "changed.html").write_text(page, encoding="utf-8")

    with browser.open(tmp_path / "changed.html", width=400) as opened:
        assert opened.evaluate("document.title") != "ran"
        assert any("Content Security Policy" in text for text in opened.complaints)


def test_the_policy_of_the_page_forbids_requests(browser: Browser, tmp_path: Path) -> None:
    page = render(failed()).replace(
        "</main>", "<img src='http://127.0.0.1:9/x' alt=''><img src='other.png' alt=''></main>"
    )
    (tmp_path / "changed.html").write_text(page, encoding="utf-8")

    with browser.open(tmp_path / "changed.html", width=400) as opened:
        assert len(opened.complaints) == 2
        assert all("Content Security Policy" in text for text in opened.complaints)


def test_a_page_of_hostile_length_still_fits(browser: Browser, tmp_path: Path) -> None:
    long = "x" * 3000
    path = tmp_path / "long.html"
    path.write_text(render(failed(said=long)).replace("src/config.ts", long), encoding="utf-8")
    HTMLParser(strict=True).parse(path.read_text(encoding="utf-8"))

    with browser.open(path, width=400) as page:
        assert page.overflow() == []
        assert page.size()[0] == 400


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_a_page_to_print(browser: Browser, pages: Path, name: str) -> None:
    with browser.open(pages / f"{name}.html", width=700) as page:
        page.ask("Emulation.setEmulatedMedia", media="print")

        assert page.overflow() == []
        assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert page.poor_contrast()[1] == []
