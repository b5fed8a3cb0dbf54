import io
from typing import Any

import pytest

from kit.runner import Acted, acted
from miniseal.cli import progress
from miniseal.cli.actions import grouped
from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.events import Events

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="do this")
HOSTILE = "::error::x\n##[add-mask]y\r::stop-commands::z\x1b[2J"


class Scene:
    """A log, and the events that make it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.now = 1_000.0

    def play(self, *lines: tuple[str, Any, dict[str, object]]) -> str:
        with grouped(self.stream) as log:
            events = Events(log, lambda: self.now)
            for step, event, data in lines:
                events.emit(step, event, **data)
                self.now += 1
        return self.stream.getvalue()


def said(step: str, *texts: str) -> list[tuple[str, Any, dict[str, object]]]:
    return [(step, "output", {"text": text}) for text in texts]


def test_what_a_step_says_is_one_group() -> None:
    log = Scene().play(
        ("build", "started", {}),
        ("test", "started", {}),
        *said("build", "one"),
        *said("test", "other"),
        *said("build", "two"),
        ("build", "finished", {"wasm": "sha256:" + "a" * 64}),
        ("test", "finished", {}),
    )

    assert log.splitlines() == [
        "::group::build        ok       5.0 s  wasm sha256:aaaaaaaaaaaa",
        "    one",
        "    two",
        "::endgroup::",
        "::group::test         ok       5.0 s",
        "    other",
        "::endgroup::",
    ]


def test_a_step_that_says_nothing_is_a_line() -> None:
    log = Scene().play(("build", "started", {}), ("build", "finished", {}), ("pack", "cached", {}))

    assert log.splitlines() == [
        "  build        ok       1.0 s",
        "  pack         cached   0.0 s",
    ]


def test_a_step_that_fails_is_open_and_an_error() -> None:
    error = BROKEN("no\nroom", found="100 %", expected="less").to_json()

    log = Scene().play(
        ("build", "started", {}), *said("build", "one"), ("build", "failed", {"error": error})
    )

    assert log.splitlines()[:2] == ["  build        FAILED   2.0 s  error broken", "    one"]
    assert acted(log) == [
        Acted(
            "error",
            "no\\nroom\nfound: 100 %\nexpected: less\nhint: do this",
            {"title": "build: broken"},
        )
    ]


def test_only_the_first_failure_is_an_error() -> None:
    error = BROKEN("no").to_json()

    log = Scene().play(
        ("a", "started", {}),
        ("b", "started", {}),
        ("a", "failed", {"error": {"code": "interrupted", "message": "interrupted"}}),
        ("b", "failed", {"error": error}),
        ("c", "failed", {"error": error}),
    )

    assert [each.properties["title"] for each in acted(log)] == ["b: broken"]


def test_warnings_are_annotated_while_there_is_room() -> None:
    log = Scene().play(
        *said("release", "warning: open"),
        ("pack", "started", {}),
        *said("pack", *(f"warning: {number}" for number in range(7))),
        ("pack", "finished", {}),
    )

    shown = [each for each in acted(log) if each.name == "warning"]
    assert [(each.data, each.properties.get("title")) for each in shown] == [
        ("open", None),
        ("0", "pack"),
        ("1", "pack"),
        ("2", "pack"),
        ("3", "pack"),
    ]
    assert "    warning: 6\n" in log


def test_what_is_said_of_the_whole_is_a_line() -> None:
    assert Scene().play(*said("release", "hello")) == "hello\n"


def test_a_warning_of_the_whole_that_is_too_many_is_a_line() -> None:
    log = Scene().play(*said("release", *(f"warning: {number}" for number in range(6))))

    assert log.splitlines()[-1] == "warning: 5"


def test_what_an_open_step_said_is_not_lost() -> None:
    assert Scene().play(("build", "started", {}), *said("build", "one")) == "    one\n"


def test_lines_that_were_dropped_are_counted() -> None:
    log = Scene().play(
        ("build", "started", {}),
        *said("build", *map(str, range(2001))),
        ("build", "finished", {}),
    )

    assert log.splitlines()[1:3] == ["    (1 earlier lines are left out)", "    1"]


def test_nothing_that_strangers_wrote_is_obeyed() -> None:
    error = dict.fromkeys(("code", "message", "found", "expected", "hint"), HOSTILE)

    log = Scene().play(
        *said("release", HOSTILE, f"warning: {HOSTILE}"),
        (HOSTILE, "started", {}),
        *said(HOSTILE, HOSTILE, f"warning: {HOSTILE}"),
        (HOSTILE, "finished", {HOSTILE: HOSTILE}),
        (HOSTILE, "cached", {HOSTILE: HOSTILE}),
        ("b", "started", {}),
        *said("b", HOSTILE),
        ("b", "failed", {"error": error}),
        ("c", "started", {}),
        *said("c", HOSTILE),
    )

    assert [each.name for each in acted(log)] == [
        *("warning", "warning", "group", "endgroup"),
        *("group", "endgroup", "error"),
    ]
    assert "\x1b" not in log


@pytest.mark.parametrize("form", ["plain", "json"])
def test_nor_is_it_in_another_form(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.view(form) as events:
        for step in ("release", HOSTILE):
            events.emit(step, "output", text=HOSTILE)
            events.emit(step, "output", text="::error::x")
        events.emit("::error::x ##[group]", "finished", **{HOSTILE: HOSTILE})

    assert acted(capsys.readouterr().err) == []


def test_the_form_is_asked_for_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.view("github") as events, events.step("build"):
        events.emit("build", "output", text="one")

    assert [each.name for each in acted(capsys.readouterr().err)] == ["group", "endgroup"]
