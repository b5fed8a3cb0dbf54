"""Toolchains that misbehave, and wasm that is not what it says: what leaves the sandbox."""

import json
import tempfile
from pathlib import Path

import pytest

from kit.hostile import bounded, call_miniseal, listing, project_at

MODULE = b"\0asm\x01\0\0\0"
WRITE = "printf '\\0asm\\1\\0\\0\\0' > $OUT/app.wasm; "


def command_at(folder: Path, command: str) -> Path:
    words = json.dumps(["/bin/sh", "-c", command])
    return project_at(folder, f'[build]\ntoolchain = "command"\ncommand = {words}\n')


@pytest.mark.parametrize(
    ("command", "code", "exit_code"),
    [
        pytest.param("true", "build-failed", 2, id="nothing"),
        pytest.param("exit 3", "build-failed", 2, id="fails"),
        pytest.param("kill -9 $$", "build-failed", 2, id="killed"),
        pytest.param("exec /nonexistent", "build-failed", 2, id="not-found"),
        pytest.param("head -c 300000 /dev/urandom; exit 1", "build-failed", 2, id="says-garbage"),
        pytest.param("timeout 1 yes; exit 1", "build-failed", 2, id="says-without-end"),
        pytest.param("timeout 1 yes >&2; exit 1", "build-failed", 2, id="complains-without-end"),
        pytest.param("mkdir $OUT/app.wasm", "build-failed", 2, id="folder"),
        pytest.param("truncate -s 65M $OUT/app.wasm", "build-failed", 2, id="65-megabytes"),
        pytest.param("truncate -s 1G $OUT/app.wasm", "output-refused", 1, id="a-gigabyte"),
        pytest.param("ln -s /etc/hostname $OUT/app.wasm", "output-refused", 1, id="link"),
        pytest.param(WRITE + "ln -s / $OUT/x", "output-refused", 1, id="link-beside"),
        pytest.param("mkfifo $OUT/app.wasm", "output-refused", 1, id="pipe"),
        pytest.param(WRITE + "chmod u+s $OUT/app.wasm", "output-refused", 1, id="setuid"),
        pytest.param(WRITE + "touch $OUT/$(printf '\\377')", "output-refused", 1, id="not-utf-8"),
        pytest.param(
            WRITE + "cd $OUT; for i in $(seq 400); do mkdir d; cd d; done",
            "output-refused",
            1,
            id="nested-folders",
        ),
        pytest.param("echo hello > $OUT/app.wasm", "wasm-malformed", 1, id="text"),
        pytest.param("touch $OUT/app.wasm", "wasm-malformed", 1, id="empty"),
        pytest.param(
            "printf '\\0asm\\15\\0\\1\\0' > $OUT/app.wasm",
            "wasm-component-unsupported",
            1,
            id="component",
        ),
    ],
)
def test_a_build_that_misbehaves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    code: str,
    exit_code: int,
) -> None:
    project = command_at(tmp_path / "project", command)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = listing(tmp_path)

    with bounded(20):
        run = call_miniseal("build", project, "-o", f"oci:{tmp_path / 'out'}")

    run.refused(code, exit_code)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("(setsid sleep 987654 >/dev/null 2>&1 &) ", id="daemon"),
        pytest.param("(setsid sleep 987654 &) ", id="daemon-that-holds-the-output"),
        pytest.param("for i in $(seq 200); do sleep 987654 & done", id="two-hundred"),
        pytest.param("kill -9 1 || true", id="kills-the-first-process"),
    ],
)
def test_nothing_that_a_build_starts_outlives_it(tmp_path: Path, command: str) -> None:
    project = command_at(tmp_path / "project", WRITE + command)

    call_miniseal("build", project, "-o", f"oci:{tmp_path / 'out'}").ok()

    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _alive(path)]
    assert not [words for words in running if b"987654" in words]


def _alive(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_what_a_build_says_cannot_drive_the_terminal(tmp_path: Path) -> None:
    project = command_at(tmp_path / "project", r"printf '\033]0;owned\007\033[2J'; exit 1")

    run = call_miniseal("build", project, "-o", f"oci:{tmp_path / 'out'}", as_json=False)

    assert run.exit_code == 2
    assert "\x1b" not in run.stderr
    assert "\\x1b]0;owned\\x07\\x1b[2J" in run.stderr


def test_a_build_sees_neither_the_key_nor_the_home(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = command_at(
        tmp_path / "project", f"cat {key}; ls {Path.home()} {tmp_path}; env; exit 1"
    )
    monkeypatch.setenv("MINISEAL_PASSPHRASE", "open sesame")

    run = call_miniseal("build", project, "-o", f"oci:{tmp_path / 'out'}")

    said = str(run.refused("build-failed", 2)["found"])
    assert "PRIVATE KEY" not in said
    assert "sesame" not in said
    assert said.count("No such file or directory") == 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0asm", id="magic-alone"),
        pytest.param(b"\x7fELF" + bytes(100), id="elf"),
        pytest.param(b"\0asm\x02\0\0\0", id="version-2"),
        pytest.param(MODULE + b"\x01", id="section-without-size"),
        pytest.param(MODULE + b"\x01\xff\xff\xff\xff\xff\xff\xff\xff", id="size-without-end"),
        pytest.param(MODULE + b"\x00\x81\x80\x80\x80\x80\x00a", id="overlong-size"),
        pytest.param(MODULE + b"\x00\xff\xff\xff\xff\x1f", id="size-of-33-bits"),
        pytest.param(MODULE + b"\x01\xff\xff\xff\xff\x0f\0", id="size-of-4-gigabytes"),
        pytest.param(MODULE + b"\x02\x05\xff\xff\xff\xff\x0f", id="4-billion-imports"),
        pytest.param(MODULE + b"\x05\x05\xff\xff\xff\xff\x0f", id="4-billion-memories"),
        pytest.param(MODULE + b"\x07\x05\xff\xff\xff\xff\x0f", id="4-billion-exports"),
        pytest.param(MODULE + b"\x0a\x05\xff\xff\xff\xff\x0f", id="4-billion-bodies"),
        pytest.param(MODULE + b"\x0c\x05\xff\xff\xff\xff\x0f", id="4-billion-segments-promised"),
        pytest.param(MODULE + b"\x02\x07\x01\xff\xff\xff\xff\x0fa", id="name-of-4-gigabytes"),
        pytest.param(MODULE + b"\x02\x06\x01\x02\xff\xfe\x01a", id="name-not-utf-8"),
        pytest.param(MODULE + b"\x01\x01\0\x01\x01\0", id="section-twice"),
        pytest.param(MODULE + b"\x02\x01\0\x01\x01\0", id="wrong-order"),
        pytest.param(MODULE + b"\x2a\x01\0", id="unknown-section"),
        pytest.param(MODULE + b"\x00\x01\0" * 100_000, id="100000-sections"),
    ],
)
def test_hostile_wasm(tmp_path: Path, data: bytes) -> None:
    project = project_at(tmp_path / "project", wasm=data)
    before = listing(tmp_path)

    with bounded(10):
        built = call_miniseal("build", project, "-o", f"oci:{tmp_path / 'out'}")
        inspected = call_miniseal("inspect", project / "app.wasm")

    built.refused("wasm-malformed")
    inspected.refused("wasm-malformed")
    assert listing(tmp_path) == before


def test_every_cut_of_a_module_is_refused_or_read(tmp_path: Path, released: Path) -> None:
    whole = next(
        path.read_bytes()
        for path in (released / "registry-tip" / "blobs" / "sha256").iterdir()
        if path.read_bytes()[:8] == MODULE
    )
    place = tmp_path / "cut.wasm"
    for end in range(0, len(whole), 7):
        place.write_bytes(whole[:end])
        run = call_miniseal("inspect", place)

        assert run.exit_code == 0 or run.refused("wasm-malformed")


def test_names_in_wasm_cannot_drive_the_terminal(tmp_path: Path) -> None:
    name = b"\x1b[2J"
    body = b"\x01" + bytes([len(name)]) + name + b"\x01f\x00\x00"
    types = b"\x01\x04\x01\x60\0\0"
    (tmp_path / "app.wasm").write_bytes(MODULE + types + b"\x02" + bytes([len(body)]) + body)

    run = call_miniseal("inspect", tmp_path / "app.wasm", as_json=False)

    assert run.exit_code == 0
    assert "\x1b" not in run.stdout
    assert "\\x1b[2J" in run.stdout
