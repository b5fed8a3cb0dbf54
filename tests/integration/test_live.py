"""The live view on a terminal: a process of its own, on a pseudo-terminal of a given size."""

import os
import signal
import sys
from pathlib import Path

import pytest

from kit.terminal import Screen, run_in_terminal

WORK = """
import asyncio, sys
from miniseal.cli import progress
from miniseal.cli.main import main
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import Code, UsageError

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="r")
STEPS = ("resolve", "fetch", "build", "scan-source", "pack", "tag")

async def build(events, ending):
    with events.step("build") as facts:
        for number in range(15):
            events.emit("build", "output", text=f"line {number} [red]x[/red] \\x1b[2J " + "宽" * 70)
            await asyncio.sleep(0.02)
        if ending == "fail":
            raise BROKEN("the toolchain ended with exit code 1", found="\\x1b[2J")
        if ending == "wait":
            await asyncio.sleep(60)
        if ending == "crash":
            raise ZeroDivisionError
        facts["wasm"] = "sha256:" + "a" * 64

async def work(events, ending):
    with events.step("resolve") as facts:
        facts["app"] = "com.example.tip"
    events.emit("fetch", "cached", tools="wabt 1.0.39")
    beside = asyncio.create_task(scan(events))
    try:
        await build(events, ending)
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)

async def scan(events):
    with events.step("scan-source"):
        await asyncio.sleep(0.1)

def command():
    with progress.view("auto", steps=STEPS) as events:
        asyncio.run(work(events, sys.argv[1]))
    return Outcome(result={})

sys.exit(main([], Verb("work", callback=command)))
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    path = tmp_path / "work.py"
    path.write_text(WORK, encoding="utf-8")
    return [sys.executable, str(path)]


@pytest.mark.parametrize("columns", [60, 120])
def test_a_terminal_shows_every_step_in_place(program: list[str], columns: int) -> None:
    shown: list[str] = []

    code, screen = run_in_terminal(
        [*program, "well"], columns=columns, act=lambda _, now: shown.append(now.text)
    )

    assert code == 0
    assert any("line 9 [red]x[/red] \\x1b[2J" in text for text in shown)
    assert screen.widest <= columns
    assert screen.cursor
    lines = screen.text.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        *(["✓", name] for name in ("resolve", "fetch", "build", "scan-source")),
    ]
    assert lines[4:-1] == ["   not run: pack, tag"]


def test_a_low_terminal_is_never_scrolled_while_steps_run(program: list[str]) -> None:
    most = 0

    def act(_: int, screen: Screen) -> None:
        nonlocal most
        if not screen.cursor:
            most = max(most, len(screen.lines))

    code, _ = run_in_terminal([*program, "well"], columns=60, rows=6, act=act)

    assert code == 0
    assert most <= 6


def test_a_failure_leaves_the_tree_the_output_and_the_error(program: list[str]) -> None:
    code, screen = run_in_terminal([*program, "fail"], columns=120)

    text = screen.text
    assert code == 2
    assert screen.cursor
    assert "✗ build" in text
    assert "broken: the toolchain ended with exit code 1" in text
    assert text.index("build said:") < text.index("usage: the toolchain ended")
    assert sum(f"  line {number} [red]" in text for number in range(15)) == 15


def test_an_interruption_gives_the_terminal_back(program: list[str]) -> None:
    sent = False

    def act(pid: int, screen: Screen) -> None:
        nonlocal sent
        if not sent and "line 14" in screen.text:
            sent = True
            os.kill(pid, signal.SIGINT)

    code, screen = run_in_terminal([*program, "wait"], columns=60, act=act)

    assert (code, sent) == (130, True)
    assert screen.cursor
    assert "■ build" in screen.text
    assert "not run: pack, tag" in screen.text
    assert screen.text.splitlines()[-2].startswith("error: interrupted [interrupted]")


def test_a_crash_gives_the_terminal_back(program: list[str]) -> None:
    code, screen = run_in_terminal([*program, "crash"], columns=60)

    assert code == 2
    assert screen.cursor
    assert "✗ build" in screen.text
    assert "unexpected" in screen.text


def test_without_colours_the_view_is_still_live(program: list[str]) -> None:
    code, screen = run_in_terminal([*program, "well"], columns=60, env={"NO_COLOR": "1"})

    assert code == 0
    assert "✓ build" in screen.text


@pytest.mark.parametrize("env", [{"CI": "true"}, {"TERM": "dumb"}])
def test_a_log_gets_plain_lines(program: list[str], env: dict[str, str]) -> None:
    code, screen = run_in_terminal([*program, "well"], columns=120, env=env)

    assert code == 0
    assert not screen.styled
    assert "resolve      ok" in screen.text
