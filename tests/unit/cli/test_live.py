"""The live view without a terminal: what its lines are at a given size and moment."""

import io

import pytest
from rich.console import Console

from kit.terminal import Screen
from miniseal.cli.live import Board, live
from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.events import Events

BROKEN = Code("broken", UsageError, meaning="m", cause="c", remedy="r")
STEPS = ("resolve", "fetch", "build", "pack", "rebuild", "test", "gate")


class Scene:
    """A board, its clock, and what it looks like."""

    def __init__(self, steps: tuple[str, ...] = STEPS) -> None:
        self.now = 1_000.0
        self.board = Board(steps, clock=lambda: self.now)
        self.events = Events(self.board, lambda: self.now)

    def lines(self, width: int = 60, height: int = 40, encoding: str = "utf-8") -> list[str]:
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        console = Console(
            file=stream, width=width, height=height, highlight=False, markup=False, emoji=False
        )
        with console.capture() as capture:
            console.print(self.board)
        return [line.rstrip() for line in capture.get().splitlines()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_steps_wait_in_the_order_of_the_graph(scene: Scene) -> None:
    assert scene.lines()[:-1] == [f" · {name}" for name in STEPS]


def test_a_running_step_ticks(scene: Scene) -> None:
    scene.events.emit("resolve", "started")

    scene.now += 1.26
    first = scene.lines()[0]
    scene.now += 70
    second = scene.lines()[0]
    assert first.endswith("1.2s")
    assert second.endswith("1m11s")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        pytest.param({"done": 7}, "7", id="no-total"),
        pytest.param({"done": 3000, "unit": "bytes"}, "2.9 KiB", id="bytes"),
        pytest.param({"done": 1, "total": 4}, "█████░░░░░░░░░░░░░░░  25%  1 of 4", id="quarter"),
        pytest.param({"done": 9, "total": 4}, "████████████████████ 100%  9 of 4", id="too-much"),
        pytest.param(
            {"done": -1, "total": 4}, "░░░░░░░░░░░░░░░░░░░░   0%  0 of 4", id="too-little"
        ),
        pytest.param(
            {"done": 2**20, "total": 2**31, "unit": "bytes"},
            "░░░░░░░░░░░░░░░░░░░░   0%  1.0 MiB of 2.0 GiB",
            id="sizes",
        ),
        pytest.param({}, "", id="nothing"),
        pytest.param({"done": "x", "total": None}, "0", id="nonsense"),
    ],
)
def test_a_running_step_shows_how_far_it_is(
    scene: Scene, data: dict[str, object], shown: str
) -> None:
    scene.events.emit("fetch", "started")
    scene.events.emit("fetch", "progress", **data)

    assert scene.lines(90)[1].partition("0.0s")[2].strip() == shown


def test_a_bar_is_drawn_in_ascii_where_nothing_else_can_be(scene: Scene) -> None:
    scene.events.emit("fetch", "started")
    scene.events.emit("fetch", "progress", done=1, total=2)

    assert "##########..........  50%" in scene.lines(80, encoding="ascii")[1]


def test_a_finished_step_has_no_bar(scene: Scene) -> None:
    with scene.events.step("fetch") as facts:
        scene.events.emit("fetch", "progress", done=1, total=2)
        facts["bytes"] = 2

    assert scene.lines(80)[1].endswith("bytes 2")


def test_a_finished_step_says_what_it_produced(scene: Scene) -> None:
    with scene.events.step("pack") as facts:
        facts.update(package="sha256:" + "a" * 64, size=3)

    assert scene.lines(80)[3] == " ✓ pack             0.0s  package sha256:aaaaaaaaaaaa, size 3"


def test_a_cached_step_says_so(scene: Scene) -> None:
    scene.events.emit("fetch", "cached", tools="wabt")

    assert scene.lines()[1] == " ✓ fetch          cached  tools wabt"


def test_a_running_step_shows_its_last_lines(scene: Scene) -> None:
    scene.events.emit("build", "started")
    for number in range(9):
        scene.events.emit("build", "output", text=f"line {number}")

    assert scene.lines()[3:8] == [*(f"   │ line {number}" for number in range(5, 9)), " · pack"]


def test_the_output_of_a_finished_step_goes_but_not_its_warnings(scene: Scene) -> None:
    with scene.events.step("pack"):
        scene.events.emit("pack", "output", text="talk")
        scene.events.emit("pack", "output", text="warning: unused")

    assert scene.lines()[4:6] == ["   │ warning: unused", " · rebuild"]


def test_a_failed_step_shows_code_and_message(scene: Scene) -> None:
    with pytest.raises(UsageError), scene.events.step("gate"):
        raise BROKEN("two findings")

    assert scene.lines()[6] == " ✗ gate             0.0s  broken: two findings"


def test_a_step_that_another_one_stopped_did_not_fail(scene: Scene) -> None:
    scene.events.emit("test", "started")
    scene.events.emit("test", "failed", error={"code": "interrupted", "message": "interrupted"})

    assert scene.lines()[5] == " ■ test             0.0s  stopped"


def test_a_step_that_the_graph_does_not_know_comes_last(scene: Scene) -> None:
    scene.events.emit("inspect", "cached")

    assert scene.lines()[-2].split()[:2] == ["✓", "inspect"]


def test_the_last_line_counts(scene: Scene) -> None:
    scene.events.emit("resolve", "cached")
    with scene.events.step("fetch"):
        scene.now += 2
    scene.events.emit("build", "started")

    assert scene.lines()[-1] == "   1 ran, 1 running, 1 cached  2.0s"


def test_at_the_end_steps_that_did_not_run_share_a_line(scene: Scene) -> None:
    with scene.events.step("resolve"):
        pass
    scene.board.final = True

    assert scene.lines()[1] == "   not run: fetch, build, pack, rebuild, test, gate"


def test_a_note_about_the_whole_is_above_the_steps(scene: Scene) -> None:
    scene.events.emit("release", "output", text="warning: open")

    assert scene.lines()[0] == "warning: open"


@pytest.mark.parametrize("width", [20, 60, 120])
def test_no_line_is_wider_than_the_terminal(scene: Scene, width: int) -> None:
    scene.events.emit("build", "started")
    scene.events.emit("build", "output", text="宽" * 300)
    scene.events.emit("resolve", "cached", text="x" * 300)
    scene.events.emit("gate", "failed", error=BROKEN("y" * 300).to_json())

    lines = scene.lines(width)
    assert len(lines) == len(STEPS) + 2
    screen = Screen(width)
    screen.print("\n".join(lines))
    assert screen.widest <= width


@pytest.mark.parametrize("height", range(2, 14))
def test_there_are_never_more_lines_than_the_terminal_has(scene: Scene, height: int) -> None:
    for name in ("resolve", "fetch"):
        scene.events.emit(name, "cached")
    scene.events.emit("build", "started")
    for number in range(9):
        scene.events.emit("build", "output", text=f"line {number}")

    assert len(scene.lines(height=height)) < height


def test_in_a_low_terminal_steps_at_rest_share_lines(scene: Scene) -> None:
    scene.events.emit("resolve", "cached")
    with scene.events.step("fetch"):
        pass
    scene.events.emit("build", "started")
    scene.events.emit("build", "output", text="compiling")

    lines = scene.lines(height=6)
    assert lines[0] == " ✓ resolve, fetch"
    assert lines[2:4] == ["   │ compiling", " · pack, rebuild, test, gate"]


def test_a_terminal_without_unicode_gets_ascii(scene: Scene) -> None:
    with scene.events.step("resolve") as facts:
        facts["text"] = "x" * 100

    assert "\n".join(scene.lines(encoding="ascii")).isascii()


HOSTILE = "[bold]a[/]\x1b[2J\r\x07\u202e"
SHOWN = "[bold]a[/]\\x1b[2J\\r\\x07\\u202e"


def test_what_strangers_say_is_shown_and_not_obeyed() -> None:
    scene = Scene((HOSTILE, "test"))
    scene.events.emit(HOSTILE, "started")
    scene.events.emit(HOSTILE, "output", text=HOSTILE)
    scene.events.emit(HOSTILE, "output", text=f"warning: {HOSTILE}\n ✓ gate")
    scene.events.emit("test", "cached", **{HOSTILE: HOSTILE})
    running = scene.lines(120)
    scene.events.emit(HOSTILE, "failed", error={"code": HOSTILE, "message": HOSTILE})

    lines = [*running, *scene.lines(120)]
    assert all(line.isprintable() for line in lines)
    assert sum(SHOWN in line for line in lines) == 7
    assert not any(line.startswith(" ✓ gate") for line in lines)


def test_the_last_state_stays_on_the_screen() -> None:
    stream = io.StringIO()
    with live(stream, STEPS, clock=lambda: 5.0) as board:
        events = Events(board, lambda: 5.0)
        with events.step("build"):
            events.emit("build", "output", text="one")

    screen = Screen(80)
    screen.print(stream.getvalue())
    assert screen.cursor
    assert screen.text.splitlines() == [
        "   not run: resolve, fetch",
        " ✓ build            0.0s",
        "   not run: pack, rebuild, test, gate",
        "   1 ran  0.0s",
    ]


def test_a_failed_step_keeps_its_whole_output() -> None:
    stream = io.StringIO()
    with live(stream, STEPS) as board:
        events = Events(board)
        events.emit("build", "started")
        for number in range(30):
            events.emit("build", "output", text=f"line {number} {HOSTILE}")
        events.emit("build", "failed", error=BROKEN("no").to_json())

    screen = Screen(80)
    screen.print(stream.getvalue())
    assert screen.cursor
    lines = screen.text.splitlines()
    assert lines[-31:] == ["build said:", *(f"  line {n} {SHOWN}" for n in range(30))]


def test_a_frame_is_written_at_once() -> None:
    """Else a terminal shows an empty screen between erasing and drawing."""

    class Stream(io.StringIO):
        writes: list[str]

        def write(self, text: str, /) -> int:
            self.writes.append(text)
            return len(text)

    stream = Stream()
    stream.writes = []
    with live(stream, STEPS):
        pass

    erasing = [text for text in stream.writes if "\x1b[2K" in text]
    assert erasing
    assert all("not run" in text or "resolve" in text for text in erasing)
