"""`miniseal audit` on a host's state."""

from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.hosts import install_code, installed
from kit.packages import APP, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    installed(scene, 1)
    installed(scene, 2)
    assert install_code(scene, "1.0.0") == "rollback"
    return scene


def test_the_log_is_shown(scene: Scene) -> None:
    shown = run_miniseal("audit", "show", "--state", scene.state).ok()

    assert [line["outcome"] for line in shown["entries"]] == ["admitted", "admitted", "refused"]
    assert shown["count"] == shown["anchored"] == 3


def test_a_part_of_the_log_is_shown(scene: Scene) -> None:
    words = ("audit", "show", "--state", scene.state)

    assert run_miniseal(*words, "--app", "com.acme.other").ok()["entries"] == []
    (line,) = run_miniseal(*words, "--app", APP, "--last", "1").ok()["entries"]
    assert line["error"] == "rollback"


def test_the_log_is_verified_against_what_was_kept_elsewhere(scene: Scene) -> None:
    words = ("audit", "verify", "--state", scene.state)
    first = run_miniseal(*words).ok()
    anchor = f"{first['count']}:{first['digest']}"
    installed(scene, 3)

    assert run_miniseal(*words, "--anchor", anchor).ok()["count"] == 4
    run_miniseal(*words, "--anchor", "2" + anchor[1:]).refused("audit-broken")
    run_miniseal(*words, "--anchor", anchor[:-1]).refused("anchor-malformed", 2)


def test_a_broken_log_is_not_shown(scene: Scene) -> None:
    log = scene.state / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"code":1', b'"code":7'))

    for verb in ("show", "verify"):
        run_miniseal("audit", verb, "--state", scene.state).refused("audit-broken")
