from pathlib import Path

import pytest

from kit.engines import FakeEngine, answer, wait
from miniseal.formats.errors import UsageError, VerificationError
from miniseal.pipeline.engines.engine import Exec, Result
from miniseal.pipeline.steps.build import ELSEWHERE, Room, build, rebuild
from miniseal.pipeline.steps.resolve import Resolved

WASM = b"\0asm\1\0\0\0"
OTHER = WASM + b"\0\3\1xy"  # a custom section more


def _writes(tmp_path: Path, *contents: bytes) -> FakeEngine:
    """An engine whose commands write these, one after the other."""
    left = list(contents)

    def reply(command: Exec) -> Result:
        out = tmp_path / f"out-{len(left)}"
        out.mkdir()
        (out / "app.wasm").write_bytes(left.pop(0))
        return Result(exit_code=0, stdout=b"", stderr=b"", outputs={command.outputs[0]: out})

    return FakeEngine(reply)


def test_the_toolchains_output_is_the_wasm(resolved: Resolved, tmp_path: Path) -> None:
    engine = _writes(tmp_path, WASM)

    wasm = wait(build(resolved, {}, engine, tmp_path / "work"))

    assert wasm == WASM


def test_a_build_has_no_network_and_a_copy_of_the_source(
    resolved: Resolved, tmp_path: Path
) -> None:
    engine = _writes(tmp_path, WASM)

    wait(build(resolved, {"wasmtime": tmp_path}, engine, tmp_path / "work"))

    (command,) = engine.commands
    assert command.network is False
    assert [(mount.path, mount.writable) for mount in command.inputs] == [
        ("/build/src", True),
        ("/build/tools/wasmtime", False),
    ]


def test_a_toolchain_that_fails_shows_what_it_said(resolved: Resolved, tmp_path: Path) -> None:
    engine = FakeEngine(answer(3, stderr=b"line 7: unknown operator\n"))

    with pytest.raises(UsageError, match="exit code 3") as error:
        wait(build(resolved, {}, engine, tmp_path / "work"))

    assert error.value.code == "build-failed"
    assert error.value.found == "line 7: unknown operator"


def test_a_toolchain_that_writes_nothing_is_refused(resolved: Resolved, tmp_path: Path) -> None:
    engine = FakeEngine(answer(outputs={"/build/out": tmp_path}))

    with pytest.raises(UsageError, match="wrote no wasm") as error:
        wait(build(resolved, {}, engine, tmp_path / "work"))

    assert error.value.code == "build-failed"


def test_a_rebuild_runs_elsewhere(resolved: Resolved, tmp_path: Path) -> None:
    engine = _writes(tmp_path, WASM)

    same = wait(rebuild(resolved, {}, engine, WASM, tmp_path / "work"))

    (command,) = engine.commands
    assert same is True
    assert command.cwd == ELSEWHERE.source
    assert command.env["TZ"] == "Pacific/Kiritimati"
    assert command.inputs[0].modified == ELSEWHERE.modified != Room().modified
    assert "umask 077" in command.argv[2]


def test_a_rebuild_that_differs_names_the_section(resolved: Resolved, tmp_path: Path) -> None:
    engine = _writes(tmp_path, OTHER)

    with pytest.raises(VerificationError, match="other bytes") as error:
        wait(rebuild(resolved, {}, engine, WASM, tmp_path / "work"))

    assert error.value.code == "rebuild-differs"
    assert "custom" in (error.value.found or "")
