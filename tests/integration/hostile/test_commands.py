"""The command line itself: wrong words, closed and full outputs, interruption, a full disk."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from kit.commands import run_miniseal
from kit.hostile import call_miniseal, dropped, listing, project_at
from miniseal.cli.main import cli

MINISEAL = (sys.executable, "-m", "miniseal.cli")


def commands(group: click.Command = cli, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words of every command."""
    if not isinstance(group, click.Group):
        return [above]
    context = click.Context(group)
    names = group.list_commands(context)
    children = [(name, group.get_command(context, name)) for name in names]
    return [
        words
        for name, child in children
        if child is not None
        for words in commands(child, (*above, name))
    ]


COMMANDS = commands()


def test_the_walk_finds_commands() -> None:
    assert ("policy", "check") in COMMANDS
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_prints_one_object_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINISEAL_CACHE", str(tmp_path / "cache"))

    run = call_miniseal(*words)

    assert set(run.document) == {"schema", "ok", "result", "error"}
    assert run.document["ok"] is (run.exit_code == 0)
    assert run.exit_code in {0, 1, 2}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_a_usage_error(words: tuple[str, ...]) -> None:
    call_miniseal(*words, "--no-such-option").refused("usage", 2)


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("keys", "nonsense"),
        ("policy",),
        ("",),
        ("inspect",),
        ("inspect", "a", "b"),
        ("init", "--toolchain", "cobol"),
        ("build", ".", "-o", "oci:x", "--progress", "loud"),
        ("load", "a.b", "--policy", "p", "--state", "s", "--floor", "x"),
        ("release", "--key", "k", "--max-database-age", "0"),
    ],
)
def test_wrong_words_are_a_usage_error(words: tuple[str, ...]) -> None:
    error = call_miniseal(*words).refused("usage", 2)

    assert "\n" not in error["message"]


@pytest.mark.parametrize("words", [(), ("keys",), ("policy",)], ids=" ".join)
def test_a_group_alone_shows_its_help(words: tuple[str, ...]) -> None:
    run = call_miniseal(*words, as_json=False)

    assert run.exit_code == 2
    assert run.stderr.startswith("Usage: miniseal")
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_name_that_is_no_text_is_still_one_object(tmp_path: Path, encoding: str) -> None:
    name = os.fsdecode(b"\xff\x1b[2J")

    run = run_miniseal("lock", tmp_path / name, env={"PYTHONIOENCODING": encoding})

    error = run.refused("file-unusable", 2)
    assert name in error["message"]


def test_a_name_cannot_drive_the_terminal(tmp_path: Path) -> None:
    run = call_miniseal("lock", tmp_path / "\x1b[2J\x9b\u202e", as_json=False)

    assert run.exit_code == 2
    assert "\\x1b[2J\\x9b\\u202e" in run.stderr


CALLS = [
    ("policy", "schema"),
    ("policy", "schema", "--json"),
    ("inspect", "nonsense"),
    ("inspect", "nonsense", "--json"),
    ("nonsense",),
    ("nonsense", "--json"),
]


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_closed_output(words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*MINISEAL, *words], stdout=write, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(write)

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_full_output(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*MINISEAL, *words], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_no_output_at_all(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *MINISEAL, *words],
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )

    assert done.returncode == (0 if "schema" in words else 2)
    assert b"Traceback" not in done.stderr


def test_a_build_without_any_output(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project")
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&- 2>&-', "sh", *MINISEAL, "build", project, "-o", "oci:out"],
        cwd=tmp_path,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0


SLEEPS = '[build]\ntoolchain = "command"\ncommand = ["/bin/sh", "-c", "sleep 976543"]\n'


def test_control_c_leaves_nothing(tmp_path: Path, key: Path) -> None:
    project = project_at(tmp_path / "project", SLEEPS)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = listing(tmp_path)
    process = subprocess.Popen(
        [
            *MINISEAL,
            *("release", project, "--to", f"oci:{tmp_path / 'out'}", "--key", key),
            *("--progress", "json", "--json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if (event["step"], event["event"]) == ("build", "started"):
            break
    time.sleep(0.3)

    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert json.loads(stdout)["error"]["code"] == "interrupted"
    assert listing(tmp_path) == before


def test_control_c_does_not_wait_for_a_registry_that_never_answers(
    tmp_path: Path, examples: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    before = listing(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = subprocess.Popen(
            [*MINISEAL, "build", examples / "greeting", "-o", f"oci:{tmp_path / 'out'}"],
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "MINISEAL_CACHE": str(tmp_path / "cache"),
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/simple",
                "TMPDIR": str(tmp_path / "scratch"),
            },
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=20)

    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert not (tmp_path / "out").exists()
    shutil.rmtree(tmp_path / "cache")  # locks and empty folders
    assert listing(tmp_path) == before


@pytest.mark.parametrize("kilobytes", [64, 400])
def test_a_full_disk(tmp_path: Path, kilobytes: int) -> None:
    wasm = b"\0asm\x01\0\0\0\0\x80\x80\x40\1x" + bytes(0x100000 - 2)
    project = project_at(tmp_path / "project", wasm=wasm)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f'mount -t tmpfs -o size={kilobytes}k none "$0" && "$@"; code=$?; find "$0"; exit $code'
    )
    run = subprocess.run(
        [
            *("unshare", "-rm", "/bin/sh", "-c", script, disk),
            *(*MINISEAL, "build", project, "-o", f"oci:{disk / 'out'}", "--progress", "none"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.returncode == 2
    assert "[storage-failed]" in run.stderr
    assert "Traceback" not in run.stderr
    assert ".miniseal-" not in run.stdout


def test_a_full_disk_for_temporary_files(tmp_path: Path) -> None:
    wasm = b"\0asm\x01\0\0\0\0\x80\x80\x40\1x" + bytes(0x100000 - 2)
    project = project_at(tmp_path / "project", wasm=wasm)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=400k none "$0" && "$@"'
    run = run_miniseal(
        *("build", project, "-o", f"oci:{tmp_path / 'out'}"),
        env={"TMPDIR": str(disk)},
        prefix=("unshare", "-rm", "/bin/sh", "-c", script, str(disk)),
    )

    run.refused("system-refused", 2)
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    run = run_miniseal("build", project, "-o", f"oci:{closed / 'out'}", prefix=dropped())

    run.refused("storage-failed", 2)
    assert listing(closed) == {}
