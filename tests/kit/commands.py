"""The command line as tests use it: as a process, with its `--json` read back."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Run", "run_miniseal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a command ended."""

    words: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one object on stdout."""
        value: dict[str, Any] = json.loads(self.stdout)
        return value

    def ok(self) -> dict[str, Any]:
        """The result of a command that had to succeed."""
        assert self.exit_code == 0, (
            f"{self.words} ended with {self.exit_code}\n{self.stdout}\n{self.stderr}"
        )
        result: dict[str, Any] = self.document["result"]
        return result

    def refused(self, code: str, exit_code: int = 1) -> dict[str, Any]:
        """The error of a command that had to be refused with this code, without a traceback."""
        assert self.exit_code == exit_code, (
            f"{self.words}: {self.exit_code}\n{self.stdout}\n{self.stderr}"
        )
        assert "Traceback" not in self.stderr, self.stderr
        document = self.document
        assert document["ok"] is False
        error: dict[str, Any] = document["error"]
        assert error["code"] == code, error
        return error


def run_miniseal(
    *words: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    prefix: tuple[str, ...] = (),
    stdin: str | None = None,
) -> Run:
    """Run `miniseal WORDS --json`; `prefix` goes before it (`unshare -n` and the like)."""
    texts = tuple(map(str, words))
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "miniseal.cli", *texts, "--json"],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
        timeout=300,
    )
    return Run(words=texts, exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)
