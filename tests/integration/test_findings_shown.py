"""What a release leaves for GitHub of what the scanner found: a summary, SARIF, annotations."""

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from kit.locks import NPM_LOCK
from kit.packages import vex
from kit.publishing import Publisher
from kit.runner import acted

CVE = "CVE-2021-44906"
MINIMIST = {"@id": "pkg:npm/minimist@1.2.5"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shown")


@pytest.fixture(scope="module")
def publisher(folder: Path, vulnerability_db: Path) -> Publisher:
    return Publisher.new(folder, vulnerability_db)


@pytest.fixture(scope="module")
def project(folder: Path, examples: Path) -> Path:
    """A project with a finding of each kind, below the root of a repository."""
    project = Path(shutil.copytree(examples / "greeting", folder / "repo" / "apps" / "greeting"))
    lock = json.dumps(json.loads(NPM_LOCK), indent=2)
    (project / "package-lock.json").write_text(lock, encoding="utf-8")
    token = "gh" + "p_" + secrets.token_hex(18)
    (project / "src" / "key.ts").write_text(f"// a key\nlet a = '{token}';\n", encoding="utf-8")
    (project / "Dockerfile").write_text("FROM debian:12\nUSER root\n", encoding="utf-8")
    return project


def results(path: Path) -> dict[str, dict[str, Any]]:
    log = json.loads(path.read_text(encoding="utf-8"))
    return {each["ruleId"]: each for each in log["runs"][0]["results"]}


def place(result: dict[str, Any]) -> tuple[str, int | None]:
    [location] = result["locations"]
    physical = location["physicalLocation"]
    return physical["artifactLocation"]["uri"], physical.get("region", {}).get("startLine")


def outputs(folder: Path, name: str) -> tuple[str | Path, ...]:
    return (
        *("--summary", folder / f"{name}.md", "--sarif", folder / f"{name}.sarif"),
        *("--source-root", folder / "repo", "--progress", "github"),
    )


def test_findings_are_shown_where_they_are_though_the_gate_says_no(
    folder: Path, publisher: Publisher, project: Path
) -> None:
    more = outputs(folder, "failed")
    run = publisher.release(project, folder / "registry", *more)

    run.refused("secret-found")
    lines = (project / "package-lock.json").read_text(encoding="utf-8").splitlines()
    at = 1 + next(number for number, line in enumerate(lines) if "node_modules/minimist" in line)
    found = results(folder / "failed.sarif")
    assert place(found["secret/github-pat"]) == ("apps/greeting/src/key.ts", 2)
    assert place(found[CVE]) == ("apps/greeting/package-lock.json", at)
    assert place(found["DS-0002"]) == ("apps/greeting/Dockerfile", 2)
    annotated = {
        each.properties["title"].partition(" ")[0]: (
            each.properties["file"],
            each.properties.get("line"),
        )
        for each in acted(run.stderr)
        if "file" in each.properties
    }
    assert annotated["secret/github-pat"] == ("apps/greeting/src/key.ts", "2")
    assert annotated[CVE] == ("apps/greeting/package-lock.json", str(at))
    titles = [each.properties.get("title") for each in acted(run.stderr) if each.name == "error"]
    assert titles[0] == "gate: secret-found"
    summary = (folder / "failed.md").read_text(encoding="utf-8")
    assert "Stopped at gate" in summary
    assert "source: src/key.ts, line 2" in summary


def test_what_the_project_answers_does_not_count_though_no_gate_got_to_it(
    folder: Path, publisher: Publisher, project: Path
) -> None:
    answered = Path(shutil.copytree(project, folder / "repo" / "answered"))
    _, document = vex(MINIMIST, name=CVE)
    (answered / "vex.json").write_text(json.dumps(document), encoding="utf-8")
    with (answered / "miniseal.toml").open("a", encoding="utf-8") as manifest:
        manifest.write('vex = ["vex.json"]\n')

    run = publisher.release(answered, folder / "registry", *outputs(folder, "answered"))

    run.refused("secret-found")
    [said] = results(folder / "answered.sarif")[CVE]["suppressions"]
    assert said["justification"].startswith("not affected; vulnerable code not present")
    assert CVE not in str(acted(run.stderr))
    assert "<h3>Findings that do not count</h3>" in (folder / "answered.md").read_text("utf-8")
