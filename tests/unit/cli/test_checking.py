from pathlib import Path
from typing import Any

import click
import pytest

from kit.runner import Acted, acted
from miniseal.cli.checking import Check
from miniseal.cli.main import main
from miniseal.cli.outcome import Outcome
from miniseal.formats.errors import Code, VerificationError

BROKEN = Code("broken", VerificationError, meaning="m", cause="c", remedy="do this")
HOSTILE = "<img src=x>\n\n::error::x ##[group]x"


@click.command("check", cls=Check)
@click.argument("reference")
@click.option("--how", default="good")
def check(reference: str, how: str) -> Outcome:
    if how == "raised":
        raise BROKEN(reference, found=HOSTILE)
    error = BROKEN("no") if how == "told" else None
    return Outcome(result={}, lines=("one", reference), exit_code=1 if error else 0, error=error)


@pytest.fixture
def summary(tmp_path: Path) -> Path:
    return tmp_path / "summary.md"


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def run(*words: Any) -> int:
    return main(["oci:a:1", *map(str, words)], check)


def test_a_good_answer_is_appended(summary: Path) -> None:
    summary.write_text("before\n", encoding="utf-8")

    assert run("--summary", summary) == 0
    assert summary.read_text(encoding="utf-8") == (
        "before\n\n<h2>✅ <code>oci:a:1</code>: good</h2>\n\n<pre>one\noci:a:1</pre>\n\n"
    )


@pytest.mark.parametrize("how", ["raised", "told"])
def test_a_refusal_is_appended_with_its_reason(how: str, summary: Path) -> None:
    assert run("--how", how, "--summary", summary) == 1

    text = summary.read_text(encoding="utf-8")
    assert text.startswith("<h2>❌ <code>oci:a:1</code>: refused</h2>")
    assert "<tr><td>Error</td><td>broken</td></tr>" in text
    assert "<tr><td>To do</td><td>do this</td></tr>" in text
    assert "<img" not in text
    assert ("<pre>one" in text) is (how == "told")


def test_the_environment_of_a_workflow_names_the_summary(
    summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    assert run() == 0
    assert "good" in summary.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_a_refusal_in_a_workflow_is_annotated(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert run("--how", "raised", *words) == 1
    said = capsys.readouterr()
    [annotation] = acted(said.err + said.out)
    assert annotation == Acted(
        "error",
        "oci:a:1\nfound: <img src=x>\\n\\n::error::x ##[group]x\nhint: do this",
        {"title": "broken"},
    )


def test_elsewhere_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--how", "told") == 1
    assert acted(capsys.readouterr().err) == []


@pytest.mark.parametrize(("how", "exit_code"), [("good", 2), ("raised", 1)])
def test_a_summary_that_cannot_be_written_hides_no_refusal(
    how: str, exit_code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert run("--how", how, "--summary", tmp_path / "file" / "below") == exit_code
    assert "file-unusable" in capsys.readouterr().err
