"""The log of a state as `Verifier.audit` gives it: whole, or an error."""

import json
import os
from pathlib import Path

import pytest

from kit.hosts import install_code, installed, load_code
from kit.packages import APP, Scene
from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.audit import Anchor, Audit

OTHER_APP = "com.acme.other"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two programs, one of them in its second version, and a refused load at the end."""
    scene = Scene(tmp_path)
    installed(scene, 1)
    scene.release(OTHER_APP)
    scene.verifier().install(OTHER_APP, scene.repository, "1.0.0")
    installed(scene, 2)
    assert load_code(scene, "com.acme.unknown") == "not-installed"
    return scene


def log(scene: Scene) -> Path:
    return scene.state / "audit.jsonl"


def refusal(scene: Scene, *anchors: Anchor) -> str:
    with pytest.raises(MinisealError) as error:
        scene.verifier().audit(anchors=anchors)
    return error.value.code


def edit(scene: Scene, number: int, **members: object) -> None:
    """Change a line of the log, counted from 1."""
    lines = log(scene).read_bytes().splitlines(keepends=True)
    line = {**json.loads(lines[number - 1]), **members}
    lines[number - 1] = json.dumps(line).encode() + b"\n"
    log(scene).write_bytes(b"".join(lines))


def test_every_decision_is_there(scene: Scene) -> None:
    audit = scene.verifier().audit()

    assert [(line["event"], line["outcome"]) for line in audit.entries] == [
        ("install", "admitted"),
        ("install", "admitted"),
        ("install", "admitted"),
        ("load", "refused"),
    ]
    assert (audit.count, audit.anchored, audit.generation) == (4, 3, 3)


def test_the_lines_of_one_program_can_be_had(scene: Scene) -> None:
    audit = scene.verifier().audit(app_id=APP)

    assert [line["code"] for line in audit.entries] == [1, 2]
    assert audit.count == 4


@pytest.mark.parametrize(
    ("last", "numbers"), [(0, []), (1, [4]), (3, [2, 3, 4]), (9, [1, 2, 3, 4])]
)
def test_the_last_lines_can_be_had(scene: Scene, last: int, numbers: list[int]) -> None:
    assert [line["seq"] for line in scene.verifier().audit(last=last).entries] == numbers


def test_refusals_are_there(scene: Scene) -> None:
    assert install_code(scene, "1.0.0") == "app-mismatch"

    (line,) = scene.verifier().audit(last=1).entries

    assert (line["event"], line["outcome"], line["error"]) == ("install", "refused", "app-mismatch")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_changed_line_is_noticed(scene: Scene, number: int) -> None:
    edit(scene, number, outcome="admitted", app_id="com.acme.forged")
    if number == 4:
        # a later line is vouched for by the next decision alone, but a forged one names its own
        edit(scene, number, previous=None)

    assert refusal(scene) == "audit-broken"


def test_a_log_that_was_cut_is_noticed(scene: Scene) -> None:
    lines = log(scene).read_bytes().splitlines(keepends=True)

    log(scene).write_bytes(b"".join(lines[:3]))
    assert scene.verifier().audit().count == 3
    log(scene).write_bytes(b"".join(lines[:2]))

    assert refusal(scene) == "audit-broken"


def test_a_log_that_is_gone_is_noticed(scene: Scene) -> None:
    log(scene).unlink()

    assert refusal(scene) == "audit-broken"


def test_a_log_that_was_written_anew_is_noticed(scene: Scene, tmp_path: Path) -> None:
    other = Scene(tmp_path / "other")
    for code in (1, 2, 3, 4):
        installed(other, code)

    log(scene).write_bytes(log(other).read_bytes())

    assert refusal(scene) == "audit-broken"


def test_the_log_of_an_older_backup_is_noticed_by_an_anchor(scene: Scene, tmp_path: Path) -> None:
    other = Scene(tmp_path / "other")
    installed(other)
    kept = scene.verifier().audit()
    anchor = (kept.count, kept.digest)

    assert scene.verifier().audit(anchors=[anchor]).count == 4
    assert refusal(other, anchor) == "audit-broken"
    assert refusal(scene, (4, "sha256:" + "0" * 64)) == "audit-broken"
    assert refusal(scene, anchor, (4, "sha256:" + "0" * 64)) == "audit-broken"
    assert refusal(scene, (5, kept.digest)) == "audit-broken"


def test_a_line_that_is_being_written_is_not_read(scene: Scene) -> None:
    with log(scene).open("ab") as file:
        file.write(b'{"seq":5,"previ')

    assert scene.verifier().audit().count == 4


def test_a_line_without_an_end_is_noticed(scene: Scene) -> None:
    with log(scene).open("ab") as file:
        file.write(b" " * 100_000)

    assert refusal(scene) == "audit-broken"


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_log_that_is_no_file_is_refused(scene: Scene, tmp_path: Path, kind: str) -> None:
    log(scene).rename(tmp_path / "log")
    if kind == "link":
        log(scene).symlink_to(tmp_path / "log")
    elif kind == "folder":
        log(scene).mkdir()
    else:
        os.mkfifo(log(scene))

    assert refusal(scene) == ("audit-broken" if kind == "pipe" else "state-unreadable")


def test_a_state_without_anything_has_no_log(tmp_path: Path) -> None:
    assert refusal(Scene(tmp_path)) == "not-installed"


def test_a_forged_head_vouches_for_nothing(scene: Scene) -> None:
    head = scene.state / "head.json"
    head.write_bytes(head.read_bytes().replace(b'"mac":"', b'"mac":"A', 1))

    assert refusal(scene) == "mac-invalid"


def test_it_is_the_same_log_that_the_reader_reads(scene: Scene) -> None:
    verifier = scene.verifier()

    assert Audit.read(str(scene.state), verifier._reader) == verifier.audit()
