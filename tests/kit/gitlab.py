"""Runs the jobs of a GitLab pipeline here: their scripts, each in a checkout of its own.

Of a pipeline's YAML it knows `extends`, `variables`, `needs`, `id_tokens`, `before_script`,
`script`, `!reference` and `artifacts` with `paths`. Nothing else is looked at: images, runners,
rules and what GitLab lets a job see are GitLab's.
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
    def document(self) -> dict[str, Any]:
        """All of it."""
        return cast("dict[str, Any]", yaml.load(self.text, _Loader))  # noqa: S506 - a safe one

    @property
    def jobs(self) -> list[str]:
        """The names of all jobs, in the order of the file."""
        every = [name for name in self.document if name not in _WORDS]
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
        for need in made.get("needs", []):
            if isinstance(need, str):
                self._bring(need, checkout)
        if meanwhile is not None:
            meanwhile(checkout)
        lines = [*self._lines(made.get("before_script", [])), *self._lines(made["script"])]
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
            cwd=checkout,
            env={**given, **self.document["variables"], **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        self._ended[job] = checkout
        return Ended(code=done.returncode, said=done.stdout, folder=checkout)

    def _bring(self, job: str, checkout: Path) -> None:
        """Copy a job's artifacts."""
        for path in self._job(job)["artifacts"]["paths"]:
            shutil.copytree(self._ended[job] / path, checkout / path)

    def _lines(self, entries: list[Any]) -> list[str]:
        """A script, with what it refers to."""
        found: list[str] = []
        for each in entries:
            found += self._lines(self._at(each)) if isinstance(each, _Reference) else [each]
        return found

    def _at(self, reference: "_Reference") -> list[Any]:
        value: Any = self.document
        for name in reference.path:
            value = value[name]
        return cast("list[Any]", value)

    def _job(self, name: str) -> dict[str, Any]:
        document = self.document
        own: dict[str, Any] = document[name]
        return {**document[own["extends"]], **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    path: list[str]


class _Loader(yaml.SafeLoader):
    """Knows GitLab's one tag."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> _Reference:
    return _Reference(path=loader.construct_sequence(node))


_Loader.add_constructor("!reference", _reference)
