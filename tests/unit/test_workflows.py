"""What the workflows and actions of this repository may do, read from their YAML.

What GitHub enforces (tokens, permissions, machines of their own) no program here can show: these
tests hold what is asked of it. zizmor and actionlint run in `make check`.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.y*ml"))
ACTIONS = [*sorted(ROOT.glob("action.y*ml")), *sorted(GITHUB.glob("actions/*/action.y*ml"))]
FILES = [*WORKFLOWS, *ACTIONS]
PINS: dict[str, Any] = json.loads((GITHUB / "pins.json").read_text(encoding="utf-8"))
USES = re.compile(r"^\s*(?:- )?uses: +(\S+)(?: +# +(\S+))?$", re.MULTILINE)
PINNED = re.compile(r"^([\w.-]+/[\w./-]+)@([0-9a-f]{40})$")
MENTIONED = re.compile(r"\buses: ([\w.-]+/[\w./-]+)@(\S+)(?: # (\S+))?")
RUNNERS = {"ubuntu-22.04", "ubuntu-24.04", "ubuntu-24.04-arm"}
TRIGGERS = {
    "ci.yml": {"push", "pull_request", "workflow_dispatch"},
    "conformance.yml": {"push", "pull_request", "schedule", "workflow_dispatch"},
    "lint.yml": {"push", "pull_request", "workflow_dispatch"},
    "release-mini-program.yml": {"workflow_call"},
    "release.yml": {"push", "workflow_dispatch"},
    "scorecard.yml": {"branch_protection_rule", "push", "schedule"},
}
WRITES = {
    ("release-mini-program.yml", "report"): {"security-events"},
    ("release-mini-program.yml", "sign"): {"id-token", "packages"},
    ("release.yml", "announce"): {"contents"},
    ("release.yml", "publish"): {"id-token"},
    ("release.yml", "sign"): {"id-token"},
    ("scorecard.yml", "analysis"): {"id-token", "security-events"},
}
"""Every job that may write anything, and what. Only with `id-token` can a job get a token."""
READS = {
    ("release-mini-program.yml", "verify"): {"contents", "packages"},
    ("scorecard.yml", "analysis"): {"actions", "contents"},
}
"""What jobs may read, of those that read more than `contents`."""
REGISTRY = {"secrets.registry-username", "secrets.registry-password", "github.token"}
CREDENTIALS = {
    ("release-mini-program.yml", "sign"): REGISTRY,
    ("release-mini-program.yml", "verify"): REGISTRY,
    ("release.yml", "announce"): {"github.token"},
}
"""The jobs that have credentials in their hands."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return value


def triggers(workflow: dict[str, Any]) -> dict[str, Any]:
    on: Any = workflow[True]  # type: ignore[index] # YAML 1.1 takes `on` for a truth value
    return {on: None} if isinstance(on, str) else on if isinstance(on, dict) else dict.fromkeys(on)


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(path)["jobs"]
    return found


def every_job() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in jobs(path).items():
            yield path.name, name, job


def steps_of(path: Path) -> list[dict[str, Any]]:
    if path in ACTIONS:
        return list(read(path)["runs"]["steps"])
    return [step for job in jobs(path).values() for step in job.get("steps", ())]


def permitted(job: dict[str, Any], level: str) -> set[str]:
    return {scope for scope, given in job["permissions"].items() if given == level}


def test_the_table_has_every_workflow() -> None:
    assert sorted(path.name for path in WORKFLOWS) == sorted(TRIGGERS)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_others_wrote_is_pinned_by_commit_with_its_version(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = USES.findall(text)

    assert len(found) == len(re.findall(r"\buses:", text))
    for used, version in found:
        if used.startswith("./"):
            continue
        match = PINNED.match(used)
        assert match, used
        pin = PINS[match[1]]
        assert (match[2], version) == (pin["sha"], pin["version"]), used


def test_every_pin_was_seen_in_two_repositories_of_different_owners_and_is_used() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)

    for name, pin in PINS.items():
        assert re.fullmatch(r"[0-9a-f]{40}", pin["sha"]), name
        assert re.fullmatch(r"v\d+\.\d+\.\d+", pin["version"]), name
        assert len({place.partition("/")[0] for place in pin["seen"]}) >= 2, name
        assert f"{name}@{pin['sha']} # {pin['version']}" in text, name


def test_pages_show_actions_as_this_repository_uses_them() -> None:
    for path in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]:
        for name, ref, version in MENTIONED.findall(path.read_text(encoding="utf-8")):
            if name in PINS:
                pin = PINS[name]
                assert (ref, version) == (pin["sha"], pin["version"]), (path, name)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_starts_from_no_permissions_and_no_dangerous_event(path: Path) -> None:
    workflow = read(path)

    assert workflow["permissions"] == {}
    assert set(triggers(workflow)) == TRIGGERS[path.name]
    assert "env" not in workflow
    if set(triggers(workflow)) != {"workflow_call"}:
        assert workflow["concurrency"]["group"].startswith(f"{path.stem}-")


def test_only_these_jobs_can_write_or_get_a_token() -> None:
    found = {(file, name): permitted(job, "write") for file, name, job in every_job()}

    assert {where: scopes for where, scopes in found.items() if scopes} == WRITES


def test_jobs_read_no_more_than_they_say() -> None:
    found = {(file, name): permitted(job, "read") for file, name, job in every_job()}

    usual = (set[str](), {"contents"})
    assert {where: scopes for where, scopes in found.items() if scopes not in usual} == READS


def test_only_these_jobs_have_credentials_in_their_hands() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for file, name, job in every_job():
        assert "secrets" not in job
        used = set(re.findall(r"\b(?:secrets\b[\w.-]*|github\.token)", json.dumps(job)))
        if used:
            found[file, name] = used

    assert found == CREDENTIALS


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_checkout_leaves_no_credentials_behind(path: Path) -> None:
    for step in steps_of(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_kept_between_runs(path: Path) -> None:
    for step in steps_of(path):
        assert "actions/cache" not in step.get("uses", "")
        assert not [word for word in step.get("with", {}) if "cache" in word]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_script_gets_values_through_its_environment(path: Path) -> None:
    for step in steps_of(path):
        assert "${{" not in step.get("run", "")
        assert "${{" not in step.get("shell", "")


def test_jobs_have_a_time_limit_and_a_hosted_runner_that_is_named_in_full() -> None:
    for file, name, job in every_job():
        assert job["timeout-minutes"] <= 150, (file, name)
        assert job["runs-on"] in RUNNERS, (file, name)
        assert "container" not in job, (file, name)
        assert "services" not in job, (file, name)


# the release of this project itself

RELEASE = GITHUB / "workflows" / "release.yml"


def release() -> dict[str, dict[str, Any]]:
    return jobs(RELEASE)


def before(name: str) -> set[str]:
    """All jobs that have to pass before this one."""
    needed = set(release()[name].get("needs", ()))
    return needed.union(*map(before, needed))


def test_nothing_is_signed_before_it_was_rebuilt_and_scanned_nor_published_unverified() -> None:
    assert before("sign") == {"build", "rebuild", "scan"}
    assert before("verify") == before("sign") | {"sign"}
    assert before("publish") == before("verify") | {"verify"}
    assert before("announce") == before("publish") | {"publish"}
    assert [name for name, job in release().items() if "if" in job] == ["sign"]
    assert release()["sign"]["if"] == "github.event_name == 'push'"


def test_the_two_builds_are_on_different_machines() -> None:
    build, rebuild = release()["build"], release()["rebuild"]

    assert build["runs-on"] != rebuild["runs-on"]
    assert "needs" not in build
    assert "needs" not in rebuild
    script = next(step["run"] for step in build["steps"] if "build.sh" in step.get("run", ""))
    assert [step for step in rebuild["steps"] if step.get("run") == script]


def test_jobs_say_digests_alone() -> None:
    said = {name: job["outputs"] for name, job in release().items() if "outputs" in job}

    assert sorted(said) == ["build", "rebuild", "scan", "sign"]
    for name, outputs in said.items():
        assert outputs == {"digest": "${{ steps.list.outputs.digest }}"}
        (step,) = [each for each in release()[name]["steps"] if each.get("id") == "list"]
        assert re.fullmatch(
            r"digest=\$\(python \.github/release/listing\.py write \w+\)\n"
            r'echo "digest=\$digest" >> "\$GITHUB_OUTPUT"\n',
            step["run"],
        )


MAKERS = {
    "built": ["needs.build.outputs.digest", "needs.rebuild.outputs.digest"],
    "bundles": ["needs.sign.outputs.digest"],
    "findings": ["needs.scan.outputs.digest"],
}
"""The artifacts, and the jobs whose word for them has to hold."""


@pytest.mark.parametrize("name", ["scan", "sign", "verify", "publish", "announce"])
def test_what_is_downloaded_is_held_against_digests_before_anything_uses_it(name: str) -> None:
    steps = release()[name]["steps"]
    downloads = [each for each in steps if "actions/download-artifact@" in each.get("uses", "")]
    names = [step["with"]["name"] for step in downloads]
    check = steps[steps.index(downloads[-1]) + 1]
    values = {f'"${name}"': text for name, text in check["env"].items()}
    checked = {}
    for line in check["run"].splitlines():
        _, script, command, folder, *digests = line.split()
        assert (script, command) == (".github/release/listing.py", "check")
        checked[folder] = [values[each].strip("${} ") for each in digests]

    assert names
    assert all(step["with"]["path"] == step["with"]["name"] for step in downloads)
    assert checked == {each: MAKERS[each] for each in names}
    earlier = [each for each in steps[: steps.index(check)] if each not in downloads]
    assert [each["uses"].partition("@")[0] for each in earlier] in (
        ["actions/checkout", "actions/setup-python"],
        ["actions/checkout"],
    )


def test_the_index_is_given_files_by_a_job_that_runs_nothing_of_the_project() -> None:
    job = release()["publish"]

    assert job["environment"] == "release"
    assert [step["run"].split()[:2] for step in job["steps"] if "run" in step] == [
        ["python3", ".github/release/listing.py"]
    ]
    upload = job["steps"][-1]
    assert upload["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert upload["with"] == {"packages-dir": "built/dist", "attestations": True}


# what surrounds the workflows


def test_ci_runs_what_everybody_runs_from_the_oldest_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    job = jobs(GITHUB / "workflows" / "ci.yml")["test"]
    versions = job["strategy"]["matrix"]["python"]

    assert f">={versions[0]}" == project["requires-python"]
    assert ".ci/run" in job["steps"][-1]["run"]
    assert "continue-on-error" not in job


def test_dependabot_waits_a_week_and_knows_every_lock() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    places: dict[str, set[str]] = {}
    for update in updates:
        assert update["cooldown"]["default-days"] >= 7
        found = update.get("directories") or [update["directory"]]
        places.setdefault(update["package-ecosystem"], set()).update(found)

    services = ROOT / "tests" / "services"
    modules = {f"/{path.parent.relative_to(ROOT)}" for path in services.glob("*/go.mod")}
    packages = {f"/{path.parent.relative_to(ROOT)}" for path in services.glob("*/package.json")}
    assert places == {
        "github-actions": {"/"},
        "gomod": modules,
        "npm": packages,
        "pip": {"/", "/requirements"},
    }


def test_owners_are_named_for_folders_that_exist() -> None:
    lines = (GITHUB / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]

    assert rules[0][0] == "*"
    assert all(owner.startswith("@miniseal/") for _, *owners in rules for owner in owners)
    patterns = [rule[0] for rule in rules[1:]]
    assert [each for each in patterns if not (ROOT / each.strip("/")).exists()] == []


@pytest.mark.parametrize("name", ["bug.yml", "feature.yml"])
def test_an_issue_form_asks_for_something(name: str) -> None:
    form = read(GITHUB / "ISSUE_TEMPLATE" / name)
    asked = [part for part in form["body"] if part["type"] != "markdown"]

    assert {"name", "description", "body"} <= set(form)
    assert len({part["id"] for part in asked}) == len(asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_vulnerabilities_are_sent_elsewhere() -> None:
    config = read(GITHUB / "ISSUE_TEMPLATE" / "config.yml")

    assert config["blank_issues_enabled"] is False
    assert config["contact_links"][0]["url"].endswith("/security/advisories/new")
