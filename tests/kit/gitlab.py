"""Runs the jobs of a GitLab pipeline here: their scripts, each in a checkout of its own.

Of a pipeline's YAML it knows `extends`, `variables`, `needs`, `id_tokens`, `before_script`,
`script` and `artifacts` with `paths` and `reports.dotenv`. Nothing else is looked at: images,
runners, rules and what GitLab lets a job see are GitLab's.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

__all__ = ["Ended", "Pipeline"]

_WORDS = ("stages", "variables", "include", "default", "workflow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended.

    Attributes:
        code: of its shell.
        said: both outputs.
        folder: the checkout that it ran in.
    """

    code: int
    said: str
    folder: Path

    def ok(self) -> "Ended":
        """It had to end well."""
        assert self.code == 0, self.said
        return self


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """One pipeline.

    Attributes:
        text: its YAML.
        source: what is checked out.
        folder: for the checkouts, which are named after the jobs.
        variables: in place of those of the YAML, and beside them.
        token: variables of jobs with `id_tokens`.
    """

    text: str
    source: Path
    folder: Path
    variables: dict[str, str]
    token: dict[str, str] = field(default_factory=dict[str, str])
    _ended: dict[str, Path] = field(default_factory=dict[str, Path])

    @property
    def jobs(self) -> list[str]:
        """The names of all jobs, in the order of the file."""
        every = [name for name in self._document() if name not in _WORDS]
        return [name for name in every if not name.startswith(".")]

    def run(self, job: str, meanwhile: Callable[[Path], object] | None = None) -> Ended:
        """Run a job, after those that it needs.

        Args:
            job: its name.
            meanwhile: what somebody does in its folder before it starts.
        """
        made = self._job(job)
        checkout = self.folder / job
        shutil.copytree(self.source, checkout)
        given = os.environ if "id_tokens" not in made else {**os.environ, **self.token}
        env = {**given, **self._document().get("variables", {}), **self.variables}
        for need in made.get("needs", []):
            name, brings = (
                (need, True) if isinstance(need, str) else (need["job"], need["artifacts"])
            )
            if brings:
                env |= self._bring(name, checkout)
        if meanwhile is not None:
            meanwhile(checkout)
        lines = [*made.get("before_script", []), *made["script"]]
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
            cwd=checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        self._ended[job] = checkout
        return Ended(code=done.returncode, said=done.stdout, folder=checkout)

    def _bring(self, job: str, checkout: Path) -> dict[str, str]:
        """Copy a job's artifacts; its variables."""
        artifacts, left = self._job(job)["artifacts"], self._ended[job]
        for path in artifacts["paths"]:
            copy = shutil.copytree if (left / path).is_dir() else shutil.copy
            (checkout / path).parent.mkdir(parents=True, exist_ok=True)
            copy(left / path, checkout / path)
        report = artifacts.get("reports", {}).get("dotenv")
        lines = (left / report).read_text(encoding="utf-8").splitlines() if report else []
        return dict(line.split("=", 1) for line in lines)

    def _job(self, name: str) -> dict[str, Any]:
        document = self._document()
        own = document[name]
        parents = own.get("extends", [])
        merged: dict[str, Any] = {}
        for parent in [parents] if isinstance(parents, str) else parents:
            merged |= document[parent]
        return {**merged, **own}

    def _document(self) -> dict[str, Any]:
        return cast("dict[str, Any]", yaml.safe_load(self.text))
