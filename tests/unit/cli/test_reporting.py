import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.reports import played, released
from kit.runner import Acted, acted
from miniseal.cli.reporting import Outputs, command_line, reported, taken
from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.report.gather import Asked
from miniseal.pipeline.report.markdown import SIZE
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


def test_a_summary_is_appended(tmp_path: Path, recorder: Recorder) -> None:
    path = tmp_path / "out" / "summary.md"

    for _ in range(2):
        with writing(recorder, summary=path):
            pass

    text = path.read_text(encoding="utf-8")
    assert text.count("Released") == 2
    assert "</ul>\n\n\n<h2>" in text


def test_a_summary_has_the_room_that_others_left(tmp_path: Path, recorder: Recorder) -> None:
    path = tmp_path / "summary.md"
    for there in (SIZE - 2_000, SIZE - 10, SIZE, SIZE + 5):
        path.write_bytes(b"x" * there)
        with writing(recorder, summary=path):
            pass

        assert there <= path.stat().st_size <= max(SIZE, there)
        assert ("Released" in path.read_text(encoding="utf-8")) is (there == SIZE - 2_000)


def test_a_summary_of_a_failure_is_written_too(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"

    with pytest.raises(UsageError), writing(Recorder(), summary=path):
        raise BROKEN("no room")

    assert "no room" in path.read_text(encoding="utf-8")


def test_a_summary_can_be_no_pipe(tmp_path: Path, recorder: Recorder) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError) as error, writing(recorder, summary=tmp_path / "pipe"):
        pass

    assert error.value.code == "file-unusable"


def test_without_scans_there_is_no_log_of_findings_and_no_earlier_one(
    tmp_path: Path, recorder: Recorder
) -> None:
    path = tmp_path / "a.sarif"
    path.write_text("of another day", encoding="utf-8")

    with writing(recorder, sarif=path):
        pass

    assert not path.exists()


def test_what_cannot_be_written_does_not_keep_the_rest_from_it(
    tmp_path: Path, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    blocked, path = tmp_path / "folder", tmp_path / "summary.md"

    with (
        pytest.raises(UsageError, match="no room"),
        writing(recorder, report=blocked, summary=path, sarif=blocked),
    ):
        raise BROKEN("no room")

    assert path.exists()
    assert capsys.readouterr().err.count("file-unusable") == 2


def test_in_a_workflow_a_failure_before_the_first_step_is_annotated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UsageError), writing(Recorder(), form="github"):
        raise BROKEN("no room")

    assert acted(capsys.readouterr().err) == [
        Acted("error", "no room\nhint: r", {"title": "broken"})
    ]


@pytest.mark.parametrize("form", ["plain", "json", "none"])
def test_in_another_form_nothing_is(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError), writing(Recorder(), form=form):
        raise BROKEN("no room")

    assert capsys.readouterr().err == ""


def test_files_are_named_from_the_root_of_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "repo" / "apps" / "tip"
    project.mkdir(parents=True)
    (tmp_path / "link").symlink_to(project)
    monkeypatch.chdir(tmp_path / "repo")

    assert Outputs().prefix(Path("apps/tip")) == "apps/tip"
    assert Outputs().prefix(tmp_path / "link") == "apps/tip"
    assert Outputs(source_root=Path("apps")).prefix(Path("apps/tip")) == "tip"
    assert Outputs(source_root=tmp_path).prefix(project) == "repo/apps/tip"


@pytest.mark.parametrize("root", ["repo/apps/tip", "other", "repo/apps/ti"])
def test_a_project_that_is_not_below_the_root_is_the_root(root: str, tmp_path: Path) -> None:
    project = tmp_path / "repo" / "apps" / "tip"
    project.mkdir(parents=True)
    (tmp_path / root).mkdir(parents=True, exist_ok=True)

    assert Outputs(source_root=tmp_path / root).prefix(project) == ""


def test_the_options_are_taken_out() -> None:
    given = {
        "report": None,
        "summary": Path("s"),
        "sarif": None,
        "sarif_open": True,
        "source_root": None,
        "engine": "local",
    }

    assert taken(given) == Outputs(summary=Path("s"), sarif_open=True)
    assert given == {"engine": "local"}


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
