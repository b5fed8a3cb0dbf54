"""A repository that releases a mini-program with this project's workflow, as the guide says."""

import http.client
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kit.act import Act
from kit.act_ran import Ran
from kit.act_repositories import Repository
from kit.commands import Run, run_miniseal
from kit.sigstore import PrivateSigstore

__all__ = ["APP", "CLAIMS", "OWN", "TAG", "WORKFLOW", "Releases", "own_repository"]

APP = "com.acme.tip"
OWN = "miniseal/miniseal"
WORKFLOW = "release-mini-program.yml"
TAG = "refs/tags/v0.1.0"
CLAIMS: Mapping[str, str] = {
    "ref": TAG,
    "ref_type": "tag",
    "repository_id": "1234567",
    "repository_owner_id": "4567",
    "sub": f"repo:acme/tip:ref:{TAG}",
}
"""What the guide's policy pins, and what GitHub would say of such a run."""

_ROOT = Path(__file__).parent.parent.parent
_GUIDE = _ROOT / "docs" / "how-to" / "github-actions.md"
_COMMIT = "0" * 40
_REGISTRY = "ghcr.io/acme/tip"
_ISSUER = "https://token.actions.githubusercontent.com"
_DAYS = 180
_AFTER = """
  after:
    needs: release
    runs-on: ubuntu-24.04
    steps:
      - name: needs
        env:
          NEEDS: ${{ toJSON(needs) }}
        run: printf '%s\\n' "$NEEDS" >"$MINISEAL_TEST_RUN/needs.json"
"""
_INSTALL = """\
#!/usr/bin/env bash
# in place of the real one: the tests' own Miniseal
set -euo pipefail
miniseal --version
"""


def own_repository(folder: Path, *, whole: bool = False) -> Repository:
    """This project as a repository on GitHub.

    Args:
        folder: for it.
        whole: with all that its installation needs, where jobs otherwise have the tests' Miniseal.
    """
    names = ["action.yml", ".github/program", f".github/workflows/{WORKFLOW}"]
    if whole:
        names += ["LICENSE", "README.md", "pyproject.toml", "requirements"]
        names += [str(path.relative_to(_ROOT)) for path in _ROOT.glob("*/miniseal")]
    files: dict[str, str | Path] = {name: _ROOT / name for name in names}
    if not whole:
        files[".github/program/install.sh"] = _INSTALL
    return Repository.made(folder, OWN, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """Releases from a repository `acme/tip`, with what the guide has in it.

    Attributes:
        act: runs its workflows.
        own: the repository with the workflow that it calls.
        database: of vulnerabilities, in the registry.
        place: where to publish.
        folder: for the repository.
    """

    act: Act
    own: Repository
    database: str
    place: str
    folder: Path

    @property
    def sigstore(self) -> PrivateSigstore:
        return self.act.sigstore

    def caller(self, files: Mapping[str, str | Path] | None = None) -> Repository:
        """The repository, with other files in place of or beside its own."""
        every: dict[str, str | Path] = {
            ".github/workflows/release.yml": self.workflow(),
            "tip": self.project(),
            "platform/policy.toml": self.policy(),
            "platform/trusted_root.json": self.sigstore.trusted_root,
            "platform/trust_config.json": self.sigstore.trust_config,
        }
        return Repository.made(self.folder / "app", "acme/tip", every | dict(files or {}))

    def project(self) -> Path:
        """The program, which a test may change before it is committed."""
        folder = self.folder / "tip"
        if not folder.exists():
            run_miniseal("init", folder, "--toolchain", "wat", "--app", APP).ok()
        return folder

    def workflow(self) -> str:
        """The guide's workflow, with what a private Sigstore needs."""
        text = self._filled(_block("yaml", f"/{WORKFLOW}@"))
        policy = "policy: platform/policy.toml\n"
        assert policy in text
        more = (
            f"vulnerability-db: {self.database}\n      trust-config: platform/trust_config.json\n"
        )
        return text.replace(policy, f"{policy}      {more}") + _AFTER

    def policy(self) -> str:
        """The guide's policy."""
        text = (
            _block("sh", "platform/policy.toml <<END").partition("<<END\n")[2].partition("END\n")[0]
        )
        expires = (datetime.now(UTC) + timedelta(days=_DAYS)).strftime("%Y-%m-%dT00:00:00Z")
        return self._filled(re.sub(r"\$\(date .*\)", expires, text))

    def verifying(self, reference: str) -> str:
        """The guide's steps of a repository that verifies a package."""
        text = _block("yaml", "command: verify")
        named = re.sub(rf"{_REGISTRY}@sha256:0+", reference, text)
        return self._filled(textwrap.indent(named.removeprefix("steps:\n"), "    "))

    def run(
        self,
        caller: Repository,
        claims: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Ran:
        """Push the tag, with what GitHub says of a job of the called workflow."""
        own = caller.workflow("release.yml", TAG)
        called = {
            "job_workflow_ref": self.own.workflow(WORKFLOW, self.own.commit),
            "job_workflow_sha": self.own.commit,
        }
        every = {**CLAIMS, **called, "workflow_ref": own, **(claims or {})}
        return self.act.run(caller, "release.yml", claims=every, environ=environ, served=[self.own])

    def verify(self, reference: str, policy: Path) -> Run:
        """What a host says."""
        with self.sigstore.inside():
            return run_miniseal("verify", reference, "--app", APP, "--policy", policy)

    def tags(self) -> list[str]:
        """What is published by a name."""
        host, _, name = self.place.partition("/")
        with self.sigstore.inside():
            connection = http.client.HTTPConnection(host, timeout=10)
            connection.request("GET", f"/v2/{name}/tags/list")
            found = json.loads(connection.getresponse().read())
            connection.close()
        return sorted(tag for tag in found.get("tags") or () if not tag.startswith("sha256-"))

    def _filled(self, text: str) -> str:
        assert _COMMIT in text
        return (
            text.replace(_COMMIT, self.own.commit)
            .replace(_REGISTRY, self.place)
            .replace(_ISSUER, self.sigstore.issuer_url("bound"))
        )


def _block(language: str, part: str) -> str:
    """The only block of the guide that has this in it."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    blocks = fence.findall(_GUIDE.read_text(encoding="utf-8"))
    (found,) = [block for block in blocks if part in block]
    return str(found)
