import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.reports import played, released
from miniseal.cli.reporting import Outputs, command_line, reported
from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.report.gather import Asked
from miniseal.pipeline.report.recorder import Recorder

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="r")


@contextmanager
def writing(
    recorder: Recorder, asked: Asked | None = None, *, form: str = "none", **outputs: Any
) -> Generator[None]:
    with reported(Outputs(**outputs), project=Path("apps/tip"), form=form) as run:
        run.recorder = recorder
        run.asked = asked or run.asked
        yield


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "out" / "report.html"


@pytest.fixture
def recorder() -> Recorder:
    return released().recorder


def test_a_release_that_ends_is_written(page: Path, recorder: Recorder) -> None:
    with writing(recorder, report=page):
        pass

    assert "All 18 steps went well" in page.read_text(encoding="utf-8")


def test_one_that_fails_is_written_with_what_to_run_again(page: Path) -> None:
    recorder = played((0, "build", "started", {}))

    with (
        pytest.raises(UsageError, match="no room"),
        writing(recorder, Asked(again="miniseal release ."), report=page),
    ):
        raise BROKEN("no room")

    text = page.read_text(encoding="utf-8")
    assert "no room" in text
    assert "miniseal release ." in text


@pytest.mark.parametrize(
    ("failure", "said"),
    [(ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"), (KeyboardInterrupt(), "build")],
)
def test_so_is_one_that_crashes_or_is_interrupted(
    page: Path, failure: BaseException, said: str
) -> None:
    error = {"code": "interrupted", "message": "interrupted"}
    recorder = played((0, "build", "started", {}), (1, "build", "failed", {"error": error}))

    with pytest.raises(type(failure)), writing(recorder, report=page):
        raise failure

    assert said in page.read_text(encoding="utf-8")


def test_without_a_path_nothing_is_written(tmp_path: Path, recorder: Recorder) -> None:
    with writing(recorder):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_fails_a_good_release(
    tmp_path: Path, recorder: Recorder
) -> None:
    with (
        pytest.raises(UsageError) as error,
        writing(recorder, report=tmp_path),
    ):
        pass

    assert error.value.code == "file-unusable"


def test_it_does_not_hide_why_a_release_failed(
    tmp_path: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="no room"), writing(recorder, report=tmp_path):
        raise BROKEN("no room")

    assert "file-unusable" in capsys.readouterr().err


def test_the_command_is_quoted_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/miniseal", "release", "my app"])

    assert command_line() == "miniseal release 'my app'"


@pytest.mark.parametrize(
    "words", [["--identity-token", "eyJ.a.b"], ["--identity-token=eyJ.a.b"]], ids=["two", "one"]
)
@pytest.mark.parametrize("after", [[], ["--keyless"]], ids=["last", "before another"])
def test_a_report_does_not_tell_a_token(
    words: list[str], after: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["miniseal", "release", *words, *after])

    assert command_line() == " ".join(["miniseal", "release", *after])
