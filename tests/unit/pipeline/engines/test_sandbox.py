from pathlib import Path

import pytest

from miniseal.pipeline.engines import Exec
from miniseal.pipeline.engines.sandbox import (
    Python,
    Step,
    View,
    environment,
    interpreter,
    root_steps,
    with_parents,
)

PYTHON = Python(path="/opt/python/bin/python3", home=Path("/somewhere"), libraries=None)


def view(isolation: str | None, *, network: bool = False) -> View:
    steps = (Step("ro", "/usr", "/usr"), Step("proc", "/proc"), Step("tmpfs", "/tmp"))  # noqa: S108
    return View(isolation=isolation, python=PYTHON, steps=steps, network=network)  # type: ignore[arg-type]


def test_the_environment_is_fixed() -> None:
    assert environment(PYTHON, {"A": "b"}) == {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": "315532800",
        "A": "b",
    }


def test_a_shared_interpreter_names_its_libraries() -> None:
    python = Python(path="/p", home=Path("/h"), libraries="/opt/python/lib")

    assert environment(python, {})["LD_LIBRARY_PATH"] == "/opt/python/lib"


def test_the_interpreter_lies_at_a_fixed_path_inside() -> None:
    assert interpreter(inside=True).path.startswith(("/opt/python/bin/", "/usr/"))
    assert Path(interpreter(inside=False).path).exists()


@pytest.mark.parametrize(("isolation", "flag"), [("bwrap", "--unshare-net"), ("unshare", "--net")])
def test_the_network_is_cut_unless_asked_for(isolation: str, flag: str) -> None:
    assert flag in view(isolation).launcher("/tool")
    assert flag not in view(isolation, network=True).launcher("/tool")


def test_unshare_enters_and_the_others_do_not() -> None:
    assert view("unshare").launcher("/tool")[-1] == "enter"
    assert view("bwrap").launcher("/tool")[-1] == "/run/jail.py"
    assert view(None).launcher("/tool")[-1].endswith("jail.py")


def test_network_files_are_mounted_only_with_a_network(tmp_path: Path) -> None:
    without = {step.path for step in root_steps(PYTHON, tmp_path, network=False)}
    with_network = {step.path for step in root_steps(PYTHON, tmp_path, network=True)}

    assert not without & {"/etc/resolv.conf", "/etc/hosts", "/etc/ssl"}
    assert "/etc/hosts" in with_network


def test_nothing_of_the_root_is_writable_but_memory(tmp_path: Path) -> None:
    steps = root_steps(PYTHON, tmp_path, network=True)

    assert {step.kind for step in steps} == {"ro", "dev", "tmpfs", "proc", "symlink"}
    assert [step.path for step in steps if step.kind == "tmpfs"] == ["/dev/shm", "/tmp"]  # noqa: S108


def test_the_plan_holds_the_whole_environment() -> None:
    plan = view("unshare").plan(Exec(argv=("a", "b"), env={"X": "y"}, cwd="/c"), Path("/r"))

    assert plan["argv"] == ["a", "b"]
    assert plan["env"] == environment(PYTHON, {"X": "y"})
    assert (plan["cwd"], plan["root"], plan["id"]) == ("/c", "/r", 65534)


def test_parents_are_made_once_and_never_inside_a_mount() -> None:
    steps = (
        Step("ro", "/build/tools/a", "/x"),
        Step("ro", "/build/tools/b", "/y"),
        Step("ro", "/build/tools/a/in/side", "/z"),
    )

    made = with_parents(steps)

    assert [(step.kind, step.path) for step in made] == [
        ("dir", "/build"),
        ("dir", "/build/tools"),
        ("ro", "/build/tools/a"),
        ("ro", "/build/tools/b"),
        ("ro", "/build/tools/a/in/side"),
    ]
