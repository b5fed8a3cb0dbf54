"""Git repositories for workflows that tests run."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Repository"]

_OWN = re.compile(r"\bjob\.workflow_(sha|repository)\b")
_QUIET = ("-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository as it is on GitHub, in a folder, with one branch.

    Attributes:
        name: `OWNER/NAME`.
        folder: of the work tree.
        commit: the last one of the branch `main`.
    """

    name: str
    folder: Path
    commit: str

    @classmethod
    def made(cls, folder: Path, name: str, files: Mapping[str, str | Path]) -> "Repository":
        """Commit files to a new repository.

        Args:
            folder: for the work tree.
            name: `OWNER/NAME`.
            files: what is in it: a text, or a file or folder to copy, by path.
        """
        folder.mkdir(parents=True)
        _git(folder, "init", "--quiet", "--initial-branch", "main")
        _git(folder, "remote", "add", "origin", f"https://github.com/{name}")
        repository = cls(name=name, folder=folder, commit="")
        return repository.changed(files)

    def changed(self, files: Mapping[str, str | Path]) -> "Repository":
        """The same with one more commit, of these files."""
        for path, content in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                target.write_text(content, encoding="utf-8")
            elif content.is_dir():
                shutil.copytree(content, target, dirs_exist_ok=True)
            else:
                shutil.copy(content, target)
        _git(self.folder, "add", "--all")
        _git(self.folder, "commit", "--quiet", "--message", "A change")
        commit = _git(self.folder, "rev-parse", "HEAD").strip()
        return Repository(name=self.name, folder=self.folder, commit=commit)

    def workflow(self, name: str, ref: str = "refs/heads/main") -> str:
        """What certificates call a workflow of this repository."""
        return f"{self.name}/.github/workflows/{name}@{ref}"

    def export(self, folder: Path) -> None:
        """Write the last commit to a folder, with what `job` says of a workflow filled in."""
        folder.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "-C", self.folder, "archive", self.commit], check=True, stdout=subprocess.PIPE
        )
        unpack = ["tar", "--extract", "--directory", folder]
        subprocess.run(unpack, check=True, input=archive.stdout)
        values = {"sha": self.commit, "repository": self.name}
        for path in folder.glob(".github/workflows/*.yml"):
            text = path.read_text(encoding="utf-8")
            path.write_text(_OWN.sub(lambda found: f"'{values[found[1]]}'", text), "utf-8")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *_QUIET, "-C", folder, *words], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
