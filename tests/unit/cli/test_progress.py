import io
import json
import subprocess
import sys

import pytest

from miniseal.cli import progress
from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.report.recorder import Recorder

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="r")
TERMINAL = {"TERM": "xterm"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_live_view() -> None:
    assert progress.form_for("auto", Terminal(), TERMINAL) == "tty"


def test_a_pipe_gets_plain_lines() -> None:
    assert progress.form_for("auto", io.StringIO(), TERMINAL) == "plain"


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({**TERMINAL, "CI": "true"}, id="ci"),
        pytest.param({**TERMINAL, "CI": "1"}, id="ci-1"),
        pytest.param({"TERM": "dumb"}, id="dumb"),
        pytest.param({}, id="no-term"),
    ],
)
def test_a_log_or_a_poor_terminal_gets_plain_lines(environ: dict[str, str]) -> None:
    assert progress.form_for("auto", Terminal(), environ) == "plain"


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "pipe"])
def test_a_workflow_of_github_gets_its_own_form(stream: io.StringIO) -> None:
    environ = {**TERMINAL, "CI": "true", "GITHUB_ACTIONS": "true"}

    assert progress.form_for("auto", stream, environ) == "github"
    assert progress.form_for("auto", stream, environ | {"GITHUB_ACTIONS": "false"}) == "plain"
    assert progress.form_for("plain", stream, environ) == "plain"


@pytest.mark.parametrize(
    "environ", [{**TERMINAL, "NO_COLOR": "1"}, {**TERMINAL, "CI": "false"}, {**TERMINAL, "CI": ""}]
)
def test_no_colour_and_no_ci_are_no_reason_for_plain_lines(environ: dict[str, str]) -> None:
    assert progress.form_for("auto", Terminal(), environ) == "tty"


@pytest.mark.parametrize("form", ["tty", "plain", "github", "json", "none"])
def test_what_is_asked_for_is_given(form: str) -> None:
    assert progress.form_for(form, io.StringIO(), {"CI": "1", "TERM": "dumb"}) == form


def test_a_closed_stderr_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    seen = Recorder()

    with progress.view("tty", also=[seen]) as events:
        events.emit("build", "started")

    assert len(seen.events) == 1


def test_json_lines_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.view("json", steps=["build"]) as events, events.step("build") as facts:
        facts["name"] = "\x1b[2J"

    started, finished = map(json.loads, capsys.readouterr().err.splitlines())
    assert started["event"] == "started"
    assert finished["data"] == {"name": "\x1b[2J"}


def test_plain_lines_have_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.view("plain") as events, events.step("build\x1b[2J") as facts:
        facts["name"] = "\x1b[2J\n  gate      ok"
        events.emit("build", "output", text="\x1b]0;x\x07")

    said = capsys.readouterr().err
    assert said.isascii()
    assert "\x1b" not in said
    assert len(said.splitlines()) == 2


def test_plain_lines_show_the_code_of_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError), progress.view("plain") as events, events.step("gate"):
        raise BROKEN("no")

    assert "broken" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["plain", "none"])
def test_a_warning_about_the_whole_is_a_line_of_its_own(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.view(form) as events:
        progress.warn("nothing is isolated", form, events)

    assert capsys.readouterr().err == "warning: nothing is isolated\n"


def test_other_sinks_get_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Recorder()

    with progress.view("none", also=[seen]) as events:
        progress.warn("look", "none", events)
        with events.step("build"):
            pass

    assert [(event.step, event.event) for event in seen.events] == [
        ("release", "output"),
        ("build", "started"),
        ("build", "finished"),
    ]
    assert capsys.readouterr().err == "warning: look\n"


@pytest.mark.parametrize("form", ["plain", "github", "json", "none"])
def test_only_the_live_view_needs_a_terminal_s_library(form: str) -> None:
    program = (
        "import sys\n"
        "from miniseal.cli import progress\n"
        f"with progress.view({form!r}) as events, events.step('build'): pass\n"
        "print('rich' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
