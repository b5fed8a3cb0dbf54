"""How a copy tells how far it is."""

import io

from miniseal.cli.copying import Told
from miniseal.pipeline.events import Event, Events, plain_lines
from miniseal.pipeline.printable import size
from miniseal.pipeline.report.recorder import Recorder


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.seen: list[Event] = []
        self.told = Told(Events(self.seen.append, lambda: self.now), lambda: self.now)

    def progress(self) -> list[dict[str, object]]:
        return [event.data for event in self.seen if event.event == "progress"]


def test_a_stage_is_a_step_with_what_it_came_to() -> None:
    scene = Scene()
    with scene.told.stage("blobs", 10) as done:
        done(4)
        done(6)

    assert [event.event for event in scene.seen] == ["started", "finished"]
    assert scene.seen[-1].data == {"bytes": 10}


def test_it_is_told_ten_times_a_second_at_most() -> None:
    scene = Scene()
    with scene.told.stage("blobs", 100) as done:
        for _ in range(100):
            scene.now += 0.03
            done(1)

    assert len(scene.progress()) == 25
    assert scene.progress()[0] == {"done": 4, "total": 100, "unit": "bytes"}


def test_what_is_not_known_is_not_told() -> None:
    scene = Scene()
    with scene.told.stage("find", None) as done:
        scene.now += 1
        done(3)

    assert scene.progress() == [{"done": 3, "unit": "manifests"}]


def test_plain_lines_have_no_progress() -> None:
    stream = io.StringIO()
    events = Events(plain_lines(stream), lambda: 0.0)
    with events.step("blobs"):
        events.emit("blobs", "progress", done=1)

    assert stream.getvalue().split() == ["blobs", "ok", "0.0", "s"]


def test_of_progress_the_last_is_kept() -> None:
    recorder = Recorder()
    events = Events(recorder, lambda: 0.0)
    events.emit("blobs", "progress", done=0)
    with events.step("blobs"):
        events.emit("blobs", "progress", done=1)
        events.emit("blobs", "progress", done=2)

    assert [event.event for event in recorder.events] == ["started", "finished"]
    assert recorder.runs["blobs"].progress == {"done": 2}


def test_sizes_are_for_people() -> None:
    shown = [size(count) for count in (0, 1023, 1024, 1536, 10 * 2**20, 2**50)]

    assert shown == ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10.0 MiB", "1024.0 TiB"]
