"""Runs inside the sandbox, alone: makes a C toolchain for WASI of the zig that a wheel brings.

    python wasi.py /build/tools/ziglang/ziglang

Zig compiles its libc when it is first asked for, and keeps it in a cache whose keys have the path
of the compiler in them: a cache made at one path is of no use at another. So this compiles it once
and lays it out in the working folder as clang expects a sysroot. A build then reads files and has
no cache: the same libc is linked wherever the folder is, and whatever options the project adds.

    bin/zig, bin/wasm-ld       the compiler, and a script that makes it a linker
    resource/                  clang's own headers and run-time routines
    include/, lib/             the C library
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TARGET = "wasm32-wasip1"
MODELS = ("command", "reactor")
# parts of this C library that are libraries of their own elsewhere: `-lm` has to find something
EMPTY = (
    *("crypt", "dl", "m", "pthread", "resolv", "rt", "util", "xnet"),
    *("wasi-emulated-getpid", "wasi-emulated-mman"),
    *("wasi-emulated-process-clocks", "wasi-emulated-signal"),
)
LINKER = """#!/bin/sh
exec "${0%/*}/zig" wasm-ld "$@"
"""


def main(zig: Path) -> None:
    """Make the toolchain in the working folder; `zig` is the folder of the compiler."""
    cache = Path("cache")
    compile_libc(zig, cache)
    runtime = Path(f"resource/lib/wasm32-unknown-{TARGET.partition('-')[2]}")
    runtime.mkdir(parents=True)
    shutil.copyfile(one(cache, "libcompiler_rt.a"), runtime / "libclang_rt.builtins.a")
    library = Path("lib", TARGET)
    library.mkdir(parents=True)
    for model in MODELS:
        shutil.copyfile(one(cache, f"crt1-{model}.o"), library / f"crt1-{model}.o")
    # half of the C library is written in C, half in zig
    parts = (one(cache, "libc.a"), one(cache, "libzigc.a"))
    run(zig, cache, "ar", "qcsDL", str(library / "libc.a"), *map(str, parts))
    for name in EMPTY:
        (library / f"lib{name}.a").write_bytes(b"!<arch>\n")
    shutil.copytree(zig / "lib/include", "resource/include")
    shutil.copytree(zig / "lib/libc/include/generic-musl", "include")
    shutil.copytree(zig / "lib/libc/include/wasm-wasi-musl", f"include/{TARGET}")
    Path("bin").mkdir()
    shutil.copy(zig / "zig", "bin/zig")
    Path("bin/wasm-ld").write_text(LINKER, encoding="ascii")
    Path("bin/wasm-ld").chmod(0o755)
    shutil.rmtree(cache)


def compile_libc(zig: Path, cache: Path) -> None:
    """Link an empty program of each kind, for what that leaves in the cache."""
    cache.mkdir()
    source = cache / "main.c"
    source.write_text("int main(void) { return 0; }\n", encoding="ascii")
    for model in MODELS:
        run(
            *(zig, cache, "build-exe", str(source), "-lc", f"-femit-bin={cache}/main.wasm"),
            *("-target", "wasm32-wasi", f"-mexec-model={model}", "-OReleaseSmall", "-fstrip"),
        )


def run(zig: Path, cache: Path, *arguments: str) -> None:
    """Run the compiler; end with what it ends with."""
    caches = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    ended = subprocess.run([zig / "zig", *arguments], env={**os.environ, **caches}, check=False)
    if ended.returncode != 0:
        sys.exit(ended.returncode)


def one(cache: Path, name: str) -> Path:
    """A file that the compiler left in its cache."""
    found = sorted(cache.glob(f"o/*/{name}"))
    if not found:
        sys.exit(f"the compiler made no {name}")
    return found[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
