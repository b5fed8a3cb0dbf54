"""A host's state that somebody damaged, opened to others or swapped: the command line's answer."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.hostile import bounded, call_miniseal, dropped, listing

APP = "com.example.greeting"

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def installed(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a host that has installed the greeting."""
    state = tmp_path_factory.mktemp("installed") / "state"
    run = call_miniseal(
        *("install", APP, f"oci:{released / 'registry-greeting'}:1.0.1"),
        *("--policy", released / "policy-greeting" / "policy.toml", "--state", state),
    )
    run.ok()
    return state


@pytest.fixture
def state(installed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(installed, tmp_path / "state"))


@pytest.fixture
def options(released: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    policy = released / "policy-greeting" / "policy.toml"
    return ("--policy", policy, "--state", tmp_path / "state")


def in_place(name: str, make: Callable[[Path], object]) -> Change:
    def change(state: Path) -> None:
        (path,) = state.glob(name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        make(path)

    return change


def write(name: str, data: bytes) -> Change:
    def change(state: Path) -> None:
        (path,) = state.glob(name)
        path.write_bytes(data)

    return change


def giant(name: str) -> Change:
    def change(state: Path) -> None:
        (path,) = state.glob(name)
        with path.open("r+b") as file:
            file.truncate(1 << 30)

    return change


def gone(_: Path) -> None:
    """Nothing in its place."""


@pytest.mark.parametrize(
    ("change", "code", "exit_code"),
    [
        pytest.param(in_place("mac.key", gone), "state-damaged", 1, id="no-key"),
        pytest.param(in_place("mac.key", os.mkfifo), "mac-key-exposed", 2, id="key-is-a-pipe"),
        pytest.param(in_place("mac.key", os.mkdir), "mac-key-exposed", 2, id="key-is-a-folder"),
        pytest.param(
            in_place("mac.key", lambda path: path.symlink_to("/dev/zero")),
            "state-unreadable",
            2,
            id="key-is-a-link",
        ),
        pytest.param(write("mac.key", b"short"), "mac-key-exposed", 2, id="short-key"),
        pytest.param(write("mac.key", bytes(33)), "state-damaged", 1, id="long-key"),
        pytest.param(write("mac.key", bytes(32)), "mac-invalid", 1, id="another-key"),
        pytest.param(
            lambda state: (state / "mac.key").chmod(0o644), "mac-key-exposed", 2, id="open-key"
        ),
        pytest.param(in_place("head.json", gone), "state-damaged", 1, id="no-head"),
        pytest.param(in_place("head.json", os.mkfifo), "mac-invalid", 1, id="head-is-a-pipe"),
        pytest.param(write("head.json", b""), "mac-invalid", 1, id="empty-head"),
        pytest.param(write("head.json", b"[" * 100_000), "mac-invalid", 1, id="deep-head"),
        pytest.param(write("head.json", b"\0" * 1000), "mac-invalid", 1, id="garbage-head"),
        pytest.param(giant("head.json"), "state-damaged", 1, id="head-of-a-gigabyte"),
        pytest.param(in_place("records", gone), "state-damaged", 1, id="no-records"),
        pytest.param(
            in_place("records", Path.touch), "state-unreadable", 2, id="records-are-a-file"
        ),
        pytest.param(write("records/*.json", b"{}"), "mac-invalid", 1, id="garbage-record"),
        pytest.param(in_place("records/*.json", gone), "state-damaged", 1, id="no-record"),
        pytest.param(giant("records/*.json"), "state-damaged", 1, id="record-of-a-gigabyte"),
    ],
)
def test_a_damaged_state(
    state: Path, options: tuple[str | Path, ...], change: Change, code: str, exit_code: int
) -> None:
    change(state)
    files = {name: text for name, text in listing(state).items() if name != "audit.jsonl"}

    with bounded(20):
        loaded = call_miniseal("load", APP, *options, "--wasm", state.parent / "app.wasm")
        listed = call_miniseal("list", *options)
        readmitted = call_miniseal("readmit", APP, *options)

    loaded.refused(code, exit_code)
    readmitted.refused(code, exit_code)
    assert listed.refused(code, exit_code)
    assert not (state.parent / "app.wasm").exists()
    after = {name: text for name, text in listing(state).items() if name in files}
    assert {name for name in files if after.get(name) != files[name]} <= {"head.json", "lock"}


def test_a_head_of_another_host(
    state: Path, options: tuple[str | Path, ...], released: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    call_miniseal(
        *("install", APP, f"oci:{released / 'registry-greeting'}:1.0.1"),
        *options[:2],
        *("--state", other),
    ).ok()
    shutil.copy(other / "head.json", state / "head.json")

    call_miniseal("load", APP, *options).refused("mac-invalid")


def test_swapped_members_of_a_record(state: Path, options: tuple[str | Path, ...]) -> None:
    (path,) = state.glob("records/*.json")
    head = json.loads((state / "head.json").read_bytes())
    path.write_text(json.dumps(head))

    call_miniseal("load", APP, *options).refused("mac-invalid")


@pytest.mark.parametrize("place", ["file", "file/below", "loop"])
def test_a_state_that_is_no_folder(
    tmp_path: Path, options: tuple[str | Path, ...], released: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    words = (*options[:3], tmp_path / place)
    reference = f"oci:{released / 'registry-greeting'}:1.0.1"
    before = listing(tmp_path)

    for command in (("load", APP), ("list",), ("install", APP, reference), ("remove", APP)):
        call_miniseal(*command, *words).refused("state-unreadable", 2)

    assert listing(tmp_path) == before


@pytest.mark.parametrize("name", ["", "mac.key", "head.json", "records"])
def test_a_state_that_cannot_be_read(
    state: Path, options: tuple[str | Path, ...], name: str
) -> None:
    (state / name).chmod(0)

    run = run_miniseal("load", APP, *options, prefix=dropped())

    (state / name).chmod(0o700)
    # of a folder that was named on the command line click itself says so
    run.refused("state-unreadable" if name else "usage", 2)


@pytest.mark.parametrize("name", ["lock", "audit.jsonl"])
def test_a_link_in_place_of_a_file_that_is_written(
    state: Path, options: tuple[str | Path, ...], released: Path, name: str
) -> None:
    victim = state.parent / "victim"
    victim.write_text("mine")
    (state / name).unlink(missing_ok=True)
    (state / name).symlink_to(victim)
    reference = f"oci:{released / 'registry-greeting'}:1.0.1"

    run = call_miniseal("install", APP, reference, *options)

    run.refused("state-unreadable", 2)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(
    "app", ["../../etc", "", "*", "com.example.greeting/..", "\udcff", "a" * 300]
)
def test_names_that_no_program_has(
    state: Path, options: tuple[str | Path, ...], released: Path, app: str
) -> None:
    reference = f"oci:{released / 'registry-greeting'}:1.0.1"
    outside = listing(state.parent).keys()

    call_miniseal("load", app, *options).refused("not-installed")
    call_miniseal("remove", app, *options).refused("not-installed")
    call_miniseal("install", app, reference, *options).refused("namespace-unknown")

    assert listing(state.parent).keys() == outside
