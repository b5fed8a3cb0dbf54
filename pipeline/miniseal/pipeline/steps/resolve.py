"""resolve, and origin: what exactly is released, and where it says it comes from.

Every later step reads a checked copy of the source tree, so that an edit during a release cannot
slip between what was hashed and what was built. Git runs in the sandbox: a repository's own
configuration can start programs.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.resource import Resource
from miniseal.packager import Project, Tree
from miniseal.pipeline.engines.engine import STREAM_LIMIT, Engine, Exec, Mount

__all__ = ["Origin", "Resolved", "origin", "resolve"]

_REPOSITORY = "/build/repository"
# One line each, empty where git has no answer; then what differs from the commit, and what git
# ignores: the source tree knows nothing of .gitignore.
_QUESTIONS = """\
git remote get-url origin 2>/dev/null || echo
git rev-parse --verify --quiet HEAD || echo
git status --porcelain --ignored -- "$1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A project that will not change any more.

    Attributes:
        project: as loaded.
        snapshot: a copy of its tree, every file checked against the digest.
    """

    project: Project
    snapshot: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a source says it comes from.

    Attributes:
        uri: without credentials, or None.
        commit: the git commit, or None where there is none or files differ from it.
    """

    uri: str | None
    commit: str | None

    def of(self, project: Project) -> Resource:
        """The source tree as provenance names it."""
        digest = {"sha256": project.tree.digest.removeprefix("sha256:")}
        if self.commit is not None:
            digest["gitCommit"] = self.commit
        return Resource(name="source", uri=self.uri, digest=digest)


def resolve(root: Path, work: Path) -> Resolved:
    """Load the project at `root` and copy its tree below `work`.

    Raises:
        UsageError: what `Project.load` says of the project.
        EnvironmentalError: `project-unreadable`, `project-changed`.
    """
    project = Project.load(root)
    snapshot = work / "source"
    project.tree.copy(snapshot)
    return Resolved(project=project, snapshot=snapshot)


async def origin(project: Project, engine: Engine) -> Origin:
    """Ask git about the project's folder.

    Raises:
        EnvironmentalError: the engine's.
    """
    repository = _repository(project.root)
    if repository is None:
        return Origin(uri=None, commit=None)
    place = project.root.relative_to(repository).as_posix()
    uri, commit = await _ask(engine, repository, place, project.tree)
    return Origin(uri=uri, commit=commit if commit and _is_still(project.tree) else None)


def _is_still(tree: Tree) -> bool:
    """Whether git was asked about what is released: a build is long enough to put files back."""
    try:
        return Tree.scan(tree.root).digest == tree.digest
    except MinisealError:
        return False


def _repository(folder: Path) -> Path | None:
    """The folder that has the nearest `.git`, or None where that is not a repository of its own.

    A worktree or submodule has a file there; the repository around it is another one's source.
    """
    nearest = next((p for p in (folder, *folder.parents) if os.path.lexists(p / ".git")), None)
    return nearest if nearest is not None and (nearest / ".git").is_dir() else None


async def _ask(
    engine: Engine, repository: Path, place: str, tree: Tree
) -> tuple[str | None, str | None]:
    """The remote's URL, and the commit if all files of `tree`, at `place`, are the commit's."""
    result = await engine.run(
        Exec(
            argv=("/bin/sh", "-c", _QUESTIONS, "sh", place),
            env={
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "GIT_LITERAL_PATHSPECS": "1",  # a folder called `:!*` would be all but everything
                "GIT_OPTIONAL_LOCKS": "0",
            },
            inputs=(Mount(path=_REPOSITORY, host=repository),),
            cwd=_REPOSITORY,
            timeout_seconds=60,
        )
    )
    if len(result.stdout) >= STREAM_LIMIT:
        return None, None  # its start, where the answers are, may be lost
    url, commit, *rest = [*result.stdout.decode("utf-8", "replace").splitlines(), "", ""]
    names = [file.path if place == "." else f"{place}/{file.path}" for file in tree.files]
    clean = result.exit_code == 0 and not any(_differs(line, names) for line in rest)
    return _public(url), commit if clean and commit else None


def _differs(line: str, names: list[str]) -> bool:
    """Whether a line of git's status says that a file of the tree is not the commit's."""
    if not line.startswith("!! "):
        return bool(line)
    ignored = line.removeprefix("!! ")
    # git quotes names that are hard to read; what it then names is not looked for
    return ignored.startswith('"') or any(
        name == ignored or (ignored.endswith("/") and name.startswith(ignored)) for name in names
    )


def _public(url: str) -> str | None:
    """The URL without user name and password; None for a path of this machine."""
    if "://" not in url:
        return None
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if not host or parts.scheme == "file":
        return None
    return urlunsplit((parts.scheme, host, parts.path.removesuffix(".git"), "", ""))
