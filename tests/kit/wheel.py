"""The distribution as users get it: built by hatchling, installed by uv into a fresh environment.

Environments are filled with the locked versions by hash, from uv's cache where that has them.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Environment", "environment", "hatch", "install"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment; what runs in it sees nothing of this repository."""

    folder: Path

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """A program of the environment."""
        return subprocess.run(
            [self.folder / "bin" / words[0], *words[1:]],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, program: str, *arguments: str | Path) -> str:
        """What a Python program prints, which has to succeed without a warning."""
        done = self.run("python", "-I", "-W", "error", "-c", program, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        """What `miniseal` says on stderr when it ends with 2."""
        done = self.run("miniseal", *words)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


def environment() -> dict[str, str]:
    """This process's environment without what would make Python another one than users have."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


def hatch(kind: str, source: Path, folder: Path, environ: Mapping[str, str] | None = None) -> Path:
    """The `wheel` or `sdist` of the source in `source`, made in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder],
        cwd=source,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def install(wheel: Path, extras: str, folder: Path) -> Environment:
    """A new environment in `folder` with the wheel and these extras (`[all]`, or nothing)."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    _uv("venv", "--offline", "--python", sys.executable, folder)
    required = folder / "required.txt"
    required.write_text(f"miniseal{extras} @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    words = ("pip", "install", "--python", folder / "bin" / "python", "--require-hashes")
    locked = ("-c", ROOT / "requirements" / "dev.txt", "-r", required)
    if _uv(*words, "--offline", *locked, check=False):
        _uv(*words, *locked)
    return Environment(folder=folder)


def _uv(*words: str | Path, check: bool = True) -> int:
    done = subprocess.run(
        [Path(sys.executable).parent / "uv", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.returncode
