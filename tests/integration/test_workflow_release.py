"""The workflow and the action that release mini-programs, run end to end as the guide has them."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kit.act import Act
from kit.act_ran import Ran
from kit.act_release import TAG, WORKFLOW, Releases, own_repository
from kit.act_repositories import Repository
from kit.commands import run_miniseal
from kit.layouts import attached
from kit.registries import Registry
from kit.sigstore import PrivateSigstore
from miniseal.cli.demo.advisories import ADVISORIES

JOBS = tuple(f"release/{name}" for name in ("build", "rebuild", "scan", "sign", "verify", "report"))
PROVENANCE = "https://slsa.dev/provenance/v1"
VERSION = "0.1.0"

TAMPER = """
  tamper:
    runs-on: ubuntu-24.04
    env:
      MINISEAL_TEST_REPLACED: ""
    steps:
      - name: wait
        run: |
          until grep -q miniseal-rebuild "$MINISEAL_TEST_RUN/artifacts/index.json"; do
            sleep 0.1
          done
      - uses: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1
        with:
          name: miniseal-rebuild
          path: own
      - name: change
        run: |
          python3 - <<'PYTHON'
          import hashlib, json, pathlib
          folder = pathlib.Path("own")
          built = (folder / "build").read_bytes() + b" "
          (folder / "build").write_bytes(built)
          index = json.loads((folder / "results.json").read_text())
          digest = "sha256:" + hashlib.sha256(built).hexdigest()
          index["results"]["build"] = {"digest": digest, "size": len(built)}
          text = json.dumps(index, sort_keys=True, separators=(",", ":"))
          (folder / "results.json").write_text(text)
          PYTHON
      - uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        with:
          name: miniseal-rebuild
          path: own
          overwrite: true
"""
OTHER_EACH_TIME = r"""
[build]
toolchain = "command"
command = ["/bin/sh", "-c", '''
{ printf '\0asm\1\0\0\0\0\013\5stamp'; head -c 5 /dev/urandom; } >"$OUT/app.wasm"
''']
"""

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
HOST = f"""\
name: host
on: push
permissions: {{}}
jobs:
  verify:
    runs-on: ubuntu-24.04
    steps:
      - uses: {CHECKOUT}
STEPS
      - name: which
        run: command -v miniseal
"""
ONE_JOB = f"""\
name: one-job
on: push
permissions: {{}}
jobs:
  release:
    runs-on: ubuntu-24.04
    steps:
      - uses: {CHECKOUT}
      - id: release
        uses: miniseal/miniseal@COMMIT
        with:
          command: release
          path: tip
          repository: PLACE
          policy: platform/own.toml
          vulnerability-db: DATABASE
          trust-config: platform/trust_config.json
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A release that went well.

    Attributes:
        scene: where.
        caller: the repository.
        ran: the run.
    """

    scene: Releases
    caller: Repository
    ran: Ran

    @property
    def policy(self) -> Path:
        return self.caller.folder / "platform" / "policy.toml"

    @property
    def outputs(self) -> dict[str, str]:
        found: dict[str, str] = self.ran.needs["release"]["outputs"]
        return found


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This project."""
    return own_repository(tmp_path_factory.mktemp("own") / "miniseal")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, sigstore: PrivateSigstore) -> str:
    """A database of vulnerabilities in the registry, by its digest."""
    folder = tmp_path_factory.mktemp("advisories")
    for name, advisory in ADVISORIES.items():
        (folder / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
    with sigstore.inside():
        made = run_miniseal("advisories", "build", folder, "--to", f"{sigstore.registry}/trivy-db")
    return str(made.ok()["reference"])


@pytest.fixture(scope="module")
def scene(
    act: Act, own: Repository, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Releases:
    folder = tmp_path_factory.mktemp("releases")
    place = f"{act.sigstore.registry}/{folder.name}/tip"
    scene = Releases(act=act, own=own, database=database, place=place, folder=folder)
    run_miniseal("perform", scene.project(), "build", "-o", folder / "fetched").ok()  # the tools
    return scene


@pytest.fixture(scope="module")
def released(scene: Releases) -> Released:
    caller = scene.caller()
    return Released(scene=scene, caller=caller, ran=scene.run(caller))


@pytest.fixture
def other(scene: Releases, tmp_path: Path) -> Releases:
    """A scene of a test's own, where nothing is released."""
    place = scene.place.replace("/tip", f"/{tmp_path.name.lower().replace('_', '-')}")
    return replace(scene, place=place, folder=tmp_path)


class TestRelease:
    def test_every_job_runs_and_gives_what_the_next_needs(self, released: Released) -> None:
        released.ran.ok(*JOBS, "after")

        outputs = released.outputs
        assert outputs["subject-name"] == released.scene.place
        assert outputs["reference"] == f"{released.scene.place}@{outputs['subject-digest']}"
        assert outputs["evidence"] in released.ran.artifacts()
        assert sorted(released.ran.artifacts()) == [
            f"miniseal-{name}" for name in ("build", "evidence", "rebuild", "scan")
        ]
        assert released.scene.tags() == [VERSION, f"{VERSION}-image", f"{VERSION}-wasm"]

    def test_the_page_of_the_run_has_a_summary(self, released: Released) -> None:
        step = released.ran.jobs["release/sign"].step("Sign and publish")

        assert released.outputs["subject-digest"] in step.summary
        assert step.annotations == []

    def test_findings_get_to_code_scanning(self, released: Released) -> None:
        (found,) = (released.ran.folder / "sarif").iterdir()

        assert json.loads(found.read_text())["version"] == "2.1.0"

    def test_a_host_whose_policy_pins_the_workflow_verifies_it(self, released: Released) -> None:
        verified = released.scene.verify(released.outputs["reference"], released.policy).ok()

        assert verified["package"]["digest"] == released.outputs["subject-digest"]
        identities = [each["identity"] for each in verified["evidence"]]
        own, caller = released.scene.own, released.caller
        assert len(identities) == 6
        assert identities == [identities[0]] * 6
        assert identities[0] == {
            "issuer": released.scene.sigstore.issuer_url("bound"),
            "subject": f"https://github.com/{own.workflow(WORKFLOW, own.commit)}",
            "build_signer_uri": f"https://github.com/{own.workflow(WORKFLOW, own.commit)}",
            "build_signer_digest": own.commit,
            "runner_environment": "github-hosted",
            "source_repository": "https://github.com/acme/tip",
            "source_digest": caller.commit,
            "source_ref": TAG,
            "source_repository_id": "1234567",
            "source_owner": "https://github.com/acme",
            "source_owner_id": "4567",
            "build_config_uri": f"https://github.com/{caller.workflow('release.yml', TAG)}",
            "build_trigger": "push",
            "run_invocation": "https://github.com/acme/tip/actions/runs/7/attempts/1",
        }

    def test_the_provenance_is_the_workflow_s(
        self, released: Released, registry: Registry, tmp_path: Path
    ) -> None:
        scene, layout = released.scene, tmp_path / "layout"
        registry.pull(scene.place.partition("/")[2], layout)

        found = attached(layout, released.outputs["subject-digest"])

        (predicate,) = [each.statement["predicate"] for each in found if each.kind == PROVENANCE]
        definition, details = predicate["buildDefinition"], predicate["runDetails"]
        own = scene.own.workflow(WORKFLOW, scene.own.commit)
        assert details["builder"]["id"] == f"https://github.com/{own}"
        assert details["metadata"]["invocationId"].endswith("/acme/tip/actions/runs/7/attempts/1")
        workflow = definition["externalParameters"]["workflow"]
        assert workflow["repository"] == "https://github.com/acme/tip"
        assert workflow["ref"] == TAG
        assert workflow["path"] == ".github/workflows/release.yml"
        assert workflow["inputs"] == {
            "artifact-prefix": "miniseal",
            "engine": "local",
            "path": "tip",
            "policy": "platform/policy.toml",
            "repository": scene.place,
            "trust-config": "platform/trust_config.json",
            "vulnerability-db": scene.database,
        }

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (f"/{WORKFLOW}@", "/ci.yml@"),
            ("miniseal/miniseal/", "acme/fork/"),
            ("source_repository_id = ", 'source_repository_id = "1" #'),
            ("source_owner_id = ", 'source_owner_id = "1" #'),
            ('source_ref = "refs/tags/v*"', 'source_ref = "refs/heads/*"'),
            ('runner_environment = "github-hosted"', 'runner_environment = "self-hosted"'),
            ('build_trigger = "push"', 'build_trigger = "workflow_dispatch"'),
        ],
        ids=["workflow", "fork", "repository", "owner", "ref", "runner", "trigger"],
    )
    def test_a_host_whose_policy_pins_something_else_refuses_it(
        self, released: Released, old: str, new: str
    ) -> None:
        policy = released.policy.with_name("other.toml")
        text = released.policy.read_text()
        assert old in text
        policy.write_text(text.replace(old, new))

        run = released.scene.verify(released.outputs["reference"], policy)

        run.refused("identity-mismatch")


class TestTampering:
    def test_an_artifact_that_another_job_replaces_is_refused(self, other: Releases) -> None:
        caller = other.caller({".github/workflows/release.yml": other.workflow() + TAMPER})

        ran = other.run(caller, environ={"MINISEAL_TEST_REPLACED": "miniseal-rebuild"})

        assert ran.jobs["tamper"].result == "success"
        refused(ran, other, "results-mismatch")

    def test_a_digest_that_is_not_the_job_s_is_refused(
        self, other: Releases, tmp_path: Path
    ) -> None:
        changed = fork(
            other,
            tmp_path,
            "REBUILD: ${{ needs.rebuild.outputs.results }}",
            "REBUILD: ${{ needs.build.outputs.results }}",
        )

        refused(changed.run(changed.caller()), changed, "results-mismatch")

    def test_builds_that_differ_stop_the_release(self, other: Releases) -> None:
        project = other.project()
        (project / "miniseal.toml").write_text(OTHER_EACH_TIME, encoding="utf-8")
        run_miniseal("lock", project).ok()

        refused(other.run(other.caller()), other, "rebuild-differs")

    def test_a_policy_that_pins_another_workflow_stops_the_release(self, other: Releases) -> None:
        policy = other.policy().replace("miniseal/miniseal/", "acme/fork/")

        ran = other.run(other.caller({"platform/policy.toml": policy}))

        refused(ran, other, "identity-mismatch")

    def test_a_runner_that_is_not_hosted_does_nothing(self, other: Releases) -> None:
        did_nothing(other.run(other.caller(), claims={"runner_environment": "self-hosted"}))

    def test_a_workflow_that_does_not_know_its_commit_does_nothing(
        self, other: Releases, tmp_path: Path
    ) -> None:
        changed = fork(other, tmp_path, "job.workflow_sha", "job.nothing")

        did_nothing(changed.run(changed.caller()))


class TestAction:
    def test_a_host_s_repository_installs_it_by_hash_and_verifies(
        self, released: Released, other: Releases, wheels: Path, tmp_path: Path
    ) -> None:
        whole = replace(other, own=own_repository(tmp_path / "whole", whole=True))
        steps = whole.verifying(released.outputs["reference"])
        files = {
            ".github/workflows/release.yml": HOST.replace("STEPS\n", steps),
            "platform": released.caller.folder / "platform",
        }
        host = Repository.made(tmp_path / "host", "acme/host", files)
        offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
        places = {name: str(wheels) for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS")}

        ran = whole.run(host, environ=offline | places)

        ran.ok("verify")
        assert ran.jobs["verify"].step("which").output.endswith("/miniseal/bin/miniseal\n")

    def test_a_release_in_one_job_is_the_caller_s_own(self, other: Releases) -> None:
        text = ONE_JOB.replace("COMMIT", other.own.commit).replace("PLACE", other.place)
        own = f"acme/tip/.github/workflows/release.yml@{TAG}"
        guided = other.policy()
        pinned = re.sub(r"miniseal/miniseal/[^\"]*", own, guided).replace("level = 3", "level = 2")
        caller = other.caller(
            {
                ".github/workflows/release.yml": text.replace("DATABASE", other.database),
                "platform/own.toml": pinned,
            }
        )

        ran = other.run(caller, claims={"job_workflow_ref": own})

        ran.ok("release")
        made = ran.jobs["release"].steps["release"].outputs
        reference = f"{other.place}@{made['subject-digest']}"
        assert made["reference"] == reference
        platform = caller.folder / "platform"
        other.verify(reference, platform / "own.toml").ok()
        other.verify(reference, platform / "policy.toml").refused("identity-mismatch")


def fork(scene: Releases, folder: Path, old: str, new: str) -> Releases:
    """The scene, whose workflow somebody has changed."""
    own = own_repository(folder / "fork")
    path = f".github/workflows/{WORKFLOW}"
    text = (own.folder / path).read_text()
    assert old in text
    return replace(scene, own=own.changed({path: text.replace(old, new)}))


def did_nothing(ran: Ran) -> None:
    """The jobs that build refused to, and no other ran."""
    assert set(ran.jobs) == {"release/build", "release/rebuild"}
    for job in ran.jobs.values():
        (step,) = job.steps.values()
        assert (step.name[:19], step.result) == ("Refuse other runner", "failure")


def refused(ran: Ran, scene: Releases, code: str) -> None:
    """The job that signs was the first that failed, with this code, and nothing has a tag."""
    step = ran.failed("release/sign", "Sign and publish")
    assert re.findall(r'"code": "([a-z-]+)"', step.output) == [code], step.output
    assert [(level, code in given["title"]) for level, given, _ in step.annotations] == [
        ("error", True)
    ]
    assert scene.tags() == []
