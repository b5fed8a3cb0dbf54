"""What runs GitHub workflows in tests: it hands over as GitHub does, and leaves nothing out."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.act import Act
from kit.act_ran import Ran
from kit.act_repositories import Repository

DEMO = Path(__file__).parent.parent / "kit" / "workflows" / "demo"
PINS = Path(__file__).parent.parent.parent / ".github" / "pins.json"
JOBS = ("own/make", "own/take", "other/make", "other/take", "after")


@pytest.fixture
def tools(tmp_path: Path) -> Repository:
    """A repository with a workflow that others call."""
    called = (DEMO / "called.yml").read_text()
    return Repository.made(
        tmp_path / "tools", "acme/tools", {".github/workflows/called.yml": called}
    )


@pytest.fixture
def caller(tmp_path: Path, tools: Repository) -> Callable[..., Repository]:
    """A repository that calls it, with a change of its own workflow."""

    def made(old: str = "", new: str = "") -> Repository:
        text = (DEMO / "caller.yml").read_text().replace("COMMIT", tools.commit)
        assert old in text
        files = {
            ".github/workflows/caller.yml": text.replace(old, new) if old else text,
            ".github/workflows/called.yml": DEMO / "called.yml",
        }
        return Repository.made(tmp_path / "app", "acme/app", files)

    return made


def test_workflows_of_both_kinds_run_and_hand_over(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    app = caller()

    ran = act.run(
        app,
        "caller.yml",
        event="workflow_dispatch",
        inputs={"word": "given"},
        claims={"job_workflow_ref": tools.workflow("called.yml")},
        served=[tools],
    )

    ran.ok(*JOBS)
    assert {name: each["outputs"]["word"] for name, each in ran.needs.items()} == {
        "own": "own",
        "other": "given",
    }
    assert ran.needs["other"]["outputs"]["digest"] == ran.artifacts()["word-given"]
    said = ran.jobs["other/make"].step("say")
    assert f"commit {app.commit}\nhttps://github.com/acme/tools\n" in said.output
    assert said.summary == "# given\n"
    assert said.annotations == [("warning", {"file": "out/word", "line": "3"}, "odd")]
    claims = json.loads(ran.jobs["other/take"].step("token").outputs["claims"])
    assert claims["aud"] == "demo"
    assert claims["sha"] == app.commit
    assert claims["job_workflow_ref"] == tools.workflow("called.yml")


def test_each_job_has_folders_of_its_own(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    ran = act.run(caller(), "caller.yml", served=[tools])

    ran.ok(*JOBS)
    places = [
        line
        for job in ("own/make", "other/make")
        for line in ran.jobs[job].step("say").output.splitlines()
        if line.startswith(("home ", "work "))
    ]
    assert len(set(places)) == 4
    assert list((ran.folder / "home" / ".cache" / "act").glob("*/hostexecutor")) == []


def test_a_job_that_fails_stops_those_that_need_it(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    ran = act.run(caller("word: own", "word: bad"), "caller.yml", served=[tools])

    assert "home " in ran.failed("own/make", "say").output
    assert sorted(ran.jobs) == ["other/make", "other/take", "own/make"]
    with pytest.raises(AssertionError, match="own/make"):
        ran.ok(*JOBS)


def test_a_job_without_a_known_runner_is_not_left_out(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    app = caller("ubuntu-24.04", "windows-2025")

    with pytest.raises(AssertionError, match=r"After.*windows-2025"):
        act.run(app, "caller.yml", served=[tools])


def test_a_job_that_is_skipped_is_noticed(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    ran = act.run(caller("if: always()", "if: false"), "caller.yml", served=[tools])

    assert ran.exit_code == 0
    with pytest.raises(AssertionError, match="'own/take'] ran"):
        ran.ok(*JOBS)


def test_containers_are_refused(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    app = caller("    if: always()\n", "    services: {}\n")

    with pytest.raises(AssertionError, match="act runs no containers"):
        act.run(app, "caller.yml", served=[tools])


def test_an_action_without_a_stand_in_is_refused(
    act: Act, caller: Callable[..., Repository], tools: Repository
) -> None:
    app = caller("steps:\n", "steps:\n      - uses: acme/unknown@v1\n")

    with pytest.raises(AssertionError, match="acme/unknown has no stand-in"):
        act.run(app, "caller.yml", served=[tools])


ARTIFACTS = """
name: artifacts
on: push
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - run: mkdir a && echo 1 >a/x && echo 2 >y
      - uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        with: {name: both, path: "a\\ny"}
      - uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        with: {name: both, path: y, overwrite: true}
      - uses: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1
        with: {path: all}
      - name: names
        run: find all -type f
      - name: last
        uses: STEP
        with: {WITH}
"""
UPLOAD = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
DOWNLOAD = "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"


@pytest.mark.parametrize(
    ("uses", "given", "why"),
    [
        (UPLOAD, "name: both, path: y", "artifact named both exists already"),
        (UPLOAD, "name: b, path: z, if-no-files-found: error", "no files were found"),
        (DOWNLOAD, "name: z", "artifact not found for name: z"),
        (DOWNLOAD, 'artifact-ids: "1"', "not all, were found: 1"),
    ],
    ids=["taken", "nothing", "missing", "replaced"],
)
def test_artifacts_are_kept_as_on_github(
    act: Act, tmp_path: Path, uses: str, given: str, why: str
) -> None:
    text = ARTIFACTS.replace("STEP", uses).replace("WITH", given)
    app = Repository.made(tmp_path / "app", "acme/app", {".github/workflows/a.yml": text})

    ran = act.run(app, "a.yml")

    assert why in ran.failed("one", "last").output
    assert ran.jobs["one"].step("names").output == "all/both/y\n"


class TestLinters:
    def test_nothing_to_check_is_nothing_found(self, tmp_path: Path) -> None:
        assert self.lint(tmp_path).returncode == 0

    def test_what_is_wrong_is_found_by_both(self, tmp_path: Path) -> None:
        path = tmp_path / ".github" / "workflows" / "a.yml"
        path.parent.mkdir(parents=True)
        path.write_text(ARTIFACTS.replace("STEP", UPLOAD).replace("WITH", "name: '${{ no.x }}'"))

        done = self.lint(tmp_path)

        assert done.returncode == 1
        assert "zizmor and actionlint found something" in done.stderr
        assert "anonymous-definition" in done.stdout
        assert 'undefined variable "no"' in done.stdout

    @staticmethod
    def lint(root: Path) -> "subprocess.CompletedProcess[str]":
        script = (
            f"from pathlib import Path; from services import lint; lint.main(Path({str(root)!r}))"
        )
        return subprocess.run(
            [sys.executable, "-c", script],
            cwd=DEMO.parent.parent.parent,
            capture_output=True,
            text=True,
            check=False,
        )


def test_stand_ins_are_of_actions_that_are_pinned() -> None:
    stubs = DEMO.parent / "stubs"

    names = {str(path.parent.relative_to(stubs)) for path in stubs.rglob("action.yml")}

    assert names <= set(json.loads(PINS.read_text()))


def test_what_is_not_json_is_no_job(tmp_path: Path) -> None:
    ran = Ran.read(["usage: act"], exit_code=2, folder=tmp_path)

    assert ran.jobs == {}
    with pytest.raises(AssertionError, match="usage: act"):
        ran.ok()
