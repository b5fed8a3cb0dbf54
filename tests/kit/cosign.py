"""cosign, as tests run it: inside the network of a private Sigstore."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kit.sigstore import PrivateSigstore

__all__ = ["Cosign", "Said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a program ended."""

    words: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    def ok(self) -> str:
        """What it printed, where it had to succeed."""
        assert self.exit_code == 0, (
            f"{self.words} ended with {self.exit_code}\n{self.stdout}\n{self.stderr}"
        )
        return self.stdout

    def refused(self, why: str) -> None:
        """It had to refuse, for this reason."""
        assert self.exit_code != 0, f"{self.words} succeeded\n{self.stdout}"
        assert why in self.stderr, self.stderr


class Cosign:
    """cosign, inside the network of a private Sigstore."""

    def __init__(self, program: Path, stack: PrivateSigstore) -> None:
        self._program = program
        self._stack = stack

    def __call__(self, *words: str | Path, env: dict[str, str] | None = None) -> Said:
        texts = tuple(map(str, words))
        with self._stack.inside():
            done = subprocess.run(
                [self._program, *texts],
                cwd=self._stack.folder,
                env=self._stack.environ | {"PATH": os.defpath} | (env or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        return Said(words=texts, exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)
