"""`miniseal release --report`, the live view and the trace, of real releases."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import html5lib
import pytest
from html5lib import HTMLParser

from kit.collector import Collector, attributes
from kit.publishing import Publisher
from kit.terminal import run_in_terminal

PLAIN = ("--progress", "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def publisher(folder: Path, vulnerability_db: Path) -> Publisher:
    return Publisher.new(folder, vulnerability_db)


@pytest.fixture(scope="module")
def greeting(folder: Path, examples: Path) -> Path:
    return Path(shutil.copytree(examples / "greeting", folder / "greeting"))


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def layout(folder: Path, publisher: Publisher, greeting: Path, collector: Collector) -> Path:
    """A release with a report and a trace."""
    layout = folder / "registry"
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    publisher.release(greeting, layout, "--report", folder / "first.html", *PLAIN, env=env).ok()
    return layout


def texts(path: Path) -> str:
    """What a page says, which has to be valid."""
    page = path.read_text(encoding="utf-8")
    HTMLParser(strict=True).parse(page)
    return " ".join(" ".join(html5lib.parse(page).itertext()).split())


def test_the_page_of_a_release_has_what_was_published(folder: Path, layout: Path) -> None:
    seen = texts(folder / "first.html")

    index = (layout / "index.json").read_text(encoding="utf-8")
    assert "Greeting 1.0.1: Released" in seen
    assert "SLSA Build Level 1" in seen
    assert "It is by the project's own policy" in seen
    digests = {word for word in seen.split() if word.startswith("sha256:") and len(word) == 71}
    assert sum(digest in index for digest in digests) == 3


def test_the_trace_of_a_release_has_its_steps(layout: Path, collector: Collector) -> None:
    assert layout.is_dir()
    spans = collector.spans
    whole = spans["miniseal release"]

    assert {"resolve", "build", "gate", "tag"} <= set(spans)
    assert spans["tag"].parent_span_id == whole.span_id
    assert attributes(spans["tag"])["miniseal.fact.tags"].endswith("1.0.1")  # type: ignore[union-attr]


def test_the_page_of_nothing_to_do_says_so(
    folder: Path, publisher: Publisher, greeting: Path, layout: Path
) -> None:
    publisher.release(greeting, layout, "--report", folder / "again.html", *PLAIN).ok()

    seen = texts(folder / "again.html")
    assert "Nothing to do The repository holds this very package" in seen
    assert "https://slsa.dev/provenance/v1" in seen


def test_the_page_of_a_failure_shows_it(
    tmp_path: Path, publisher: Publisher, greeting: Path
) -> None:
    broken = Path(shutil.copytree(greeting, tmp_path / "broken"))
    manifest = broken / "miniseal.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + '\n[[test]]\ncall = "no-such-function"\n',
        encoding="utf-8",
    )
    path = tmp_path / "failed.html"

    run = publisher.release(broken, tmp_path / "registry", "--report", path, *PLAIN)

    seen = texts(path)
    assert run.exit_code != 0
    assert "Stopped at test" in seen
    assert run.document["error"]["message"] in seen
    assert f"miniseal release {broken}" in seen
    assert "Nothing was pushed, and no tag was set." in seen


def test_the_page_of_a_part_says_that_it_was_asked_for(
    tmp_path: Path, publisher: Publisher, greeting: Path
) -> None:
    path = tmp_path / "part.html"

    publisher.release(
        greeting, tmp_path / "registry", "--until", "pack", "--report", path, *PLAIN
    ).ok()

    assert "Done up to pack As asked." in texts(path)


def test_a_terminal_shows_the_release_live(
    tmp_path: Path, publisher: Publisher, greeting: Path
) -> None:
    words = publisher.words(greeting, tmp_path / "registry")

    code, screen = run_in_terminal(
        [sys.executable, "-m", "miniseal.cli", *words, "--progress", "auto"],
        columns=100,
        seconds=200,
    )

    assert code == 0
    assert (screen.cursor, screen.widest <= 100) == (True, True)
    assert [line.split()[1] for line in screen.text.splitlines()[:1]] == ["resolve"]
    assert " ✓ tag " in screen.text
