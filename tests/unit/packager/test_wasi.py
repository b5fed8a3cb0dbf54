import subprocess
import sys
from pathlib import Path

import pytest

from miniseal.packager import Install, Lock, install, lock_text

ZIG = """#!/bin/sh
set -eu
case $1 in
build-exe)
  for name in libc.a libzigc.a libcompiler_rt.a crt1-command.o crt1-reactor.o; do
    mkdir -p "$ZIG_GLOBAL_CACHE_DIR/o/key-of-$name"
    echo "$name" > "$ZIG_GLOBAL_CACHE_DIR/o/key-of-$name/$name"
  done
  ;;
ar) shift 2; target=$1; shift; cat "$@" > "$target" ;;
esac
"""


@pytest.fixture
def zig(tmp_path: Path) -> Path:
    """A wheel's folder with a script for a compiler."""
    folder = tmp_path / "tools" / "ziglang" / "ziglang"
    for name in ("include", "libc/include/generic-musl", "libc/include/wasm-wasi-musl"):
        (folder / "lib" / name).mkdir(parents=True)
        (folder / "lib" / name / "stddef.h").write_text(name)
    (folder / "zig").write_text(ZIG)
    (folder / "zig").chmod(0o755)
    return folder


def make(zig: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    step: Install = install(Lock.from_toml(lock_text("c").encode()).toolchain)[1]
    ready = step.at(python=sys.executable, tools=str(zig.parents[1]))
    folder.mkdir()
    return subprocess.run(ready.argv, cwd=folder, capture_output=True, text=True, check=False)


def test_what_the_compiler_made_is_laid_out_as_clang_looks_for_it(
    zig: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    result = make(zig, made)

    assert result.returncode == 0, result.stderr
    assert (made / "lib/wasm32-wasip1/libc.a").read_text() == "libc.a\nlibzigc.a\n"
    assert (made / "lib/wasm32-wasip1/libm.a").read_bytes() == b"!<arch>\n"
    assert (made / "lib/wasm32-wasip1/crt1-reactor.o").is_file()
    assert (made / "resource/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a").is_file()
    assert (made / "resource/include/stddef.h").read_text() == "include"
    assert (made / "include/stddef.h").read_text() == "libc/include/generic-musl"
    assert (made / "include/wasm32-wasip1/stddef.h").read_text() == "libc/include/wasm-wasi-musl"


def test_the_compiler_and_its_linker_are_there_and_the_cache_is_not(
    zig: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    make(zig, made)

    assert sorted(path.name for path in made.iterdir()) == ["bin", "include", "lib", "resource"]
    assert (made / "bin/zig").read_bytes() == (zig / "zig").read_bytes()
    assert all((made / "bin" / name).stat().st_mode & 0o100 for name in ("zig", "wasm-ld"))


def test_a_compiler_that_fails_ends_it(zig: Path, tmp_path: Path) -> None:
    (zig / "zig").write_text("#!/bin/sh\necho no such target >&2; exit 3\n")
    result = make(zig, tmp_path / "made")

    assert result.returncode == 3
    assert result.stderr == "no such target\n"


def test_a_compiler_that_leaves_no_libc_ends_it(zig: Path, tmp_path: Path) -> None:
    (zig / "zig").write_text("#!/bin/sh\n")
    result = make(zig, tmp_path / "made")

    assert result.returncode == 1
    assert result.stderr == "the compiler made no libcompiler_rt.a\n"
