"""Runs GitHub workflows with act on this machine: offline, without containers.

A run happens inside the network of a private Sigstore. Each job has a work folder of its own, so
that only outputs and artifacts get from one to the next, and no terminal. Actions of others have
stand-ins in `workflows/stubs`; what GitHub's servers keep is in the folder of the run.

What act does not do, and what is done about it:

- it skips jobs whose runner it does not know, and runs none of their `services`, without a word:
  both fail a test, and a test names each job that has to run;
- it ends a run with the jobs that run beside a called workflow that fails, so that what has
  `if: always()` after it does not run, as it would on GitHub;
- it knows no `job.workflow_sha` and `job.workflow_repository`: in workflows of a repository that a
  test serves they are written out beforehand;
- it enforces no `permissions`: every job can get a token, the same one, and a test that passes says
  nothing about who else could.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from kit.act_ran import Ran
from kit.act_repositories import Repository
from kit.sigstore import PrivateSigstore

__all__ = ["Act"]

_STUBS = Path(__file__).with_name("workflows") / "stubs"
_LABELS = ("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-24.04-arm")
_SECONDS = 300
_JOBS_AT_ONCE = 4
_USES = re.compile(r"^\s*(?:-\s+)?uses:\s*([^\s@]+/[^\s@]+)@(\S+)", re.MULTILINE)
_NOT_RUN = re.compile(r"^ {4}(services|container):", re.MULTILINE)
_ENDS_WITH_US = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
)
_NO_TERMINALS = ("sh", "-c", 'mount --bind /dev/null /dev/ptmx && exec "$@"', "sh")
_CONTEXT = ("ref", "ref_type", "repository", "repository_owner", "run_attempt", "run_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Runs workflows.

    Attributes:
        program: act.
        sigstore: in whose network jobs run, with its registry and its issuer of tokens.
        folder: for what runs leave; each has a folder of its own in it.
        environ: variables of all jobs, unless their workflow sets them.
    """

    program: Path
    sigstore: PrivateSigstore
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(
        self,
        caller: Repository,
        workflow: str,
        *,
        event: str = "push",
        inputs: Mapping[str, str] | None = None,
        claims: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        served: Iterable[Repository] = (),
    ) -> Ran:
        """Run a workflow of a repository, as it was committed last.

        Args:
            caller: the repository.
            workflow: the name of a file in its `.github/workflows`.
            event: what happened.
            inputs: of a `workflow_dispatch`.
            claims: of the token that jobs can get, where they are not `claims_of` the caller.
            environ: more variables of all jobs.
            served: other repositories, whose workflows and actions it uses and jobs check out.

        Raises:
            AssertionError: act would not run what it is given.
        """
        folder = Path(mkdtemp(prefix="run-", dir=self.folder))
        repositories = {each.name: each for each in (*served, caller)}
        every = claims_of(caller, workflow, event) | dict(claims or {})
        _prepare(folder, repositories)
        _write(folder / "event.json", _event(every, inputs))
        context = {f"GITHUB_{name.upper()}": every[name] for name in _CONTEXT}
        words = [
            *(self.program, event, "--workflows", f".github/workflows/{workflow}", "--json"),
            *("--directory", folder / "served" / caller.name),
            *("--eventpath", folder / "event.json", "--concurrent-jobs", str(_JOBS_AT_ONCE)),
            *("--no-cache-server", "--action-offline-mode", "--no-skip-checkout"),
            *_each("--platform", dict.fromkeys(_LABELS, "-self-hosted")),
            *_each("--env", context | {"SHA_REF": caller.commit}),
            *_each("--local-repository", dict(_used(repositories, folder))),
        ]
        own = {**self._standing(folder, every), **self.environ, **(environ or {})}
        return self._run(words, folder, own)

    def _run(self, words: Sequence[str | Path], folder: Path, environ: Mapping[str, str]) -> Ran:
        with self.sigstore.inside():
            done = subprocess.run(
                [*_ENDS_WITH_US, *_NO_TERMINALS, *words],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        lines = done.stdout.splitlines()
        return Ran.read(lines, exit_code=done.returncode, folder=folder)

    def _standing(self, folder: Path, claims: Mapping[str, object]) -> dict[str, str]:
        """What a runner's environment has, as far as act does not set it."""
        named = ("repository_id", "repository_owner_id", "workflow_ref", "workflow_sha")
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
            "DOCKER_HOST": f"unix://{folder}/none.sock",
            "GIT_CONFIG_NOSYSTEM": "1",
            "MINISEAL_TEST_RUN": str(folder),
            "RUNNER_ENVIRONMENT": str(claims["runner_environment"]),
            **{f"GITHUB_{name.upper()}": str(claims[name]) for name in named},
            **self.sigstore.actions_environ(**claims),
        }


def claims_of(caller: Repository, workflow: str, event: str = "push") -> dict[str, object]:
    """What GitHub says of a job of a repository's own workflow, on its branch `main`."""
    ref, path = "refs/heads/main", caller.workflow(workflow)
    return {
        "event_name": event,
        "job_workflow_ref": path,
        "job_workflow_sha": caller.commit,
        "ref": ref,
        "ref_type": "branch",
        "repository": caller.name,
        "repository_id": "1001",
        "repository_owner": caller.name.partition("/")[0],
        "repository_owner_id": "2002",
        "run_attempt": "1",
        "run_id": "7",
        "runner_environment": "github-hosted",
        "sha": caller.commit,
        "sub": f"repo:{caller.name}:ref:{ref}",
        "workflow_ref": path,
        "workflow_sha": caller.commit,
    }


def _prepare(folder: Path, repositories: Mapping[str, Repository]) -> None:
    """What act and the stand-ins find of GitHub."""
    for each in repositories.values():
        each.export(folder / "served" / each.name)
    for name in ("artifacts", "home", "sarif"):
        (folder / name).mkdir()
    (folder / "artifacts" / "last").write_text("0", encoding="ascii")
    _write(folder / "artifacts" / "index.json", [])
    folders = {name: str(each.folder) for name, each in repositories.items()}
    _write(folder / "repositories.json", folders)


def _event(claims: Mapping[str, object], inputs: Mapping[str, str] | None) -> dict[str, object]:
    repository = {
        "default_branch": "main",
        "full_name": claims["repository"],
        "id": claims["repository_id"],
        "owner": {"id": claims["repository_owner_id"], "login": claims["repository_owner"]},
    }
    return {"inputs": dict(inputs or {}), "ref": claims["ref"], "repository": repository}


def _each(option: str, pairs: Mapping[str, object]) -> Iterator[str]:
    for name, value in pairs.items():
        yield from (option, f"{name}={value}")


def _used(repositories: Mapping[str, Repository], folder: Path) -> Iterator[tuple[str, Path]]:
    """Each repository that `uses` names, at its commit, and the folder that is in its place."""
    found: set[tuple[str, str]] = set()
    for path in sorted(path for name in repositories for path in _texts(folder / "served" / name)):
        text = path.read_text(encoding="utf-8")
        assert not _NOT_RUN.search(text), f"{path}: act runs no containers here"
        found |= {(used, ref) for used, ref in _USES.findall(text)}
    for used, ref in sorted(found):
        owner, name, *_ = used.split("/")
        repository = f"{owner}/{name}"
        if repository in repositories:
            assert ref == repositories[repository].commit, f"{used}@{ref} is not what is served"
            yield f"{repository}@{ref}", folder / "served" / repository
        else:
            assert (_STUBS / used / "action.yml").is_file(), f"{used} has no stand-in"
            yield f"{repository}@{ref}", _STUBS / repository


def _texts(root: Path) -> Iterator[Path]:
    yield from root.glob("action.yml")
    yield from root.glob(".github/workflows/*.yml")


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
