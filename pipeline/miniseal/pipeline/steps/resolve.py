"""resolve: what exactly is released: a checked copy of the source tree, its digest, its commit.

Every later step reads the copy, so that an edit during a release cannot slip between what was
hashed and what was built. Git runs in the sandbox: a repository's own configuration can start
programs.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from miniseal.formats.predicates.resource import Resource
from miniseal.packager import Project
from miniseal.pipeline.engines.engine import Engine, Exec, Mount

__all__ = ["Resolved", "resolve"]

_REPOSITORY = "/build/repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A project that will not change any more.

    Attributes:
        project: as loaded.
        snapshot: a copy of its tree, every file checked against the digest.
        uri: where the source says it comes from, without credentials, or None.
        commit: the git commit, or None where there is none or files differ from it.
    """

    project: Project
    snapshot: Path
    uri: str | None
    commit: str | None

    @property
    def source(self) -> Resource:
        """The source tree as provenance names it."""
        digest = {"sha256": self.project.tree.digest.removeprefix("sha256:")}
        if self.commit is not None:
            digest["gitCommit"] = self.commit
        return Resource(name="source", uri=self.uri, digest=digest)


async def resolve(root: Path, engine: Engine, work: Path) -> Resolved:
    """Load the project at `root` and copy its tree below `work`."""
    project = Project.load(root)
    snapshot = work / "source"
    project.tree.copy(snapshot)
    repository = next((p for p in (project.root, *project.root.parents) if _is_git(p)), None)
    uri = commit = None
    if repository is not None:
        place = project.root.relative_to(repository).as_posix()
        uri = _public(await _git(engine, repository, "remote", "get-url", "origin"))
        changes = await _git(engine, repository, "status", "--porcelain", "--", place)
        if changes == "":
            commit = await _git(engine, repository, "rev-parse", "HEAD")
    return Resolved(project=project, snapshot=snapshot, uri=uri, commit=commit)


def _is_git(folder: Path) -> bool:
    return (folder / ".git").is_dir()


async def _git(engine: Engine, repository: Path, *words: str) -> str | None:
    """What git prints, or None where it fails or is not there."""
    result = await engine.run(
        Exec(
            argv=("git", "-C", _REPOSITORY, *words),
            env={
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "GIT_OPTIONAL_LOCKS": "0",
            },
            inputs=(Mount(path=_REPOSITORY, host=repository),),
            timeout_seconds=60,
        )
    )
    return result.stdout.decode("utf-8", "replace").strip() if result.exit_code == 0 else None


def _public(url: str | None) -> str | None:
    """The URL without user name and password; None for a path of this machine."""
    if not url or "://" not in url:
        return None
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if not host or parts.scheme == "file":
        return None
    return urlunsplit((parts.scheme, host, parts.path.removesuffix(".git"), "", ""))
