"""What the pages about CI systems give to copy: workflows, policies, and tables of inputs."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.called import action, workflow
from kit.hosts import install_code
from kit.keyless import keyless_scene
from kit.packages import APP, Package, package, wasm_module
from kit.pages import blocks
from kit.policies import FILES
from kit.workflow_runs import WORKFLOW, Run
from miniseal.verifier.policy.policy import Policy

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
GITHUB = HOW_TO / "github-actions.md"
GITLAB = HOW_TO / "gitlab-ci.md"
NUMBERS = {"15": "1234567", "17": "4567", "14": "refs/tags/v0.1.0"}
"""Of the repository in the page's policy."""


def _yaml(page: Path) -> list[dict[Any, Any]]:
    return [yaml.safe_load(block.text) for block in blocks(page) if block.kind == "yaml"]


def _caller() -> str:
    """The workflow that a publisher saves."""
    (text,) = (each.text for each in blocks(GITHUB) if each.text.startswith("name: release"))
    return text


def _policy() -> str:
    """The policy that the page writes, with an end."""
    text = GITHUB.read_text(encoding="utf-8")
    heredoc = re.compile(r"cat > platform/policy.toml <<END\n(.*?)^END$", re.MULTILINE | re.DOTALL)
    written = heredoc.search(text)
    assert written is not None
    return re.sub(r"\$\(date [^)]*\)", "2027-01-01T00:00:00Z", written[1])


def _pinned() -> str:
    """The workflow as the page's policy pins it."""
    (builder,) = Policy.from_toml(_policy().encode(), _files().__getitem__).document.builder
    return builder.id


def _files() -> dict[str, bytes]:
    return {"trusted_root.json": FILES["root.json"]}


def _made() -> Package:
    """A package that asks for nothing."""
    return package(wasm=wasm_module(("env", "abort")), permissions=())


def test_the_callers_workflow_has_nothing_that_linters_find(
    tmp_path: Path, actionlint: Path
) -> None:
    path = tmp_path / ".github" / "workflows" / "release.yml"
    path.parent.mkdir(parents=True)
    path.write_text(_caller(), encoding="utf-8")
    linters = (
        [actionlint, "-shellcheck=", "-pyflakes=", path],
        [Path(sys.executable).with_name("zizmor"), "--pedantic", "--offline", "--quiet", path],
    )

    for words in linters:
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_the_callers_workflow_calls_ours_as_it_can_be_called() -> None:
    document = yaml.safe_load(_caller())
    (job,) = document["jobs"].values()
    inputs = workflow()["inputs"]

    assert f"https://github.com/{job['uses']}" == _pinned()
    assert job["uses"].startswith(WORKFLOW.removeprefix("https://github.com/"))
    assert set(job["with"]) <= set(inputs)
    assert {name for name, each in inputs.items() if each.get("required")} <= set(job["with"])
    assert document["permissions"] == {}


def test_the_callers_permissions_are_what_our_jobs_take() -> None:
    (job,) = yaml.safe_load(_caller())["jobs"].values()
    path = GITHUB.parents[2] / ".github" / "workflows" / "release-mini-program.yml"
    taken: dict[str, str] = {}
    for each in yaml.safe_load(path.read_bytes())["jobs"].values():
        for name, right in each.get("permissions", {}).items():
            taken[name] = max(taken.get(name, right), right)  # read < write

    assert job["permissions"] == taken


def test_the_page_has_every_input_and_output() -> None:
    rows = re.findall(
        r"^\| ((?:`[a-z-]+`(?:, )?)+) \|", GITHUB.read_text(encoding="utf-8"), re.MULTILINE
    )
    named = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)}

    for called in (workflow(), action()):
        assert {name for names in called.values() for name in names} - named == set()


def test_steps_of_the_page_use_inputs_that_the_action_has() -> None:
    steps = [each for document in _yaml(GITHUB) for each in document.get("steps", [])]

    given = [step["with"] for step in steps if step["uses"].startswith("miniseal/miniseal@")]
    assert given
    for each in given:
        assert set(each) <= set(action()["inputs"])


def test_the_policy_of_the_page_admits_the_workflow_and_nobody_else(tmp_path: Path) -> None:
    right = Run(subject=_pinned(), claims=NUMBERS, source=_source("refs/tags/v0.1.0"))
    scene = keyless_scene(tmp_path, _policy())

    right.release(scene, _made())

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


WRONG = {
    "another-version-of-it": ({"subject": f"{WORKFLOW}@{'1' * 40}"}, {}, "identity-mismatch"),
    "its-tag": ({"subject": f"{WORKFLOW}@refs/tags/v0.1.0"}, {}, "identity-mismatch"),
    "another-repository": ({}, {"15": "1234568"}, "identity-mismatch"),
    "another-owner": ({}, {"17": "4568"}, "identity-mismatch"),
    "a-branch": ({}, {"14": "refs/heads/main"}, "identity-mismatch"),
    "a-dispatch": ({}, {"20": "workflow_dispatch"}, "identity-mismatch"),
    "a-self-hosted-runner": ({}, {"11": "self-hosted"}, "identity-mismatch"),
    "another-builder": ({"builder": f"{WORKFLOW}@{'1' * 40}"}, {}, "builder-untrusted"),
    "a-builder-of-the-machine": (
        {"builder": "https://miniseal.dev/builders/local@v1"},
        {},
        "builder-untrusted",
    ),
    "another-source": ({}, {"12": "https://github.com/acme/other"}, "source-mismatch"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_policy_of_the_page_refuses(tmp_path: Path, name: str) -> None:
    members, claims, code = WRONG[name]
    given = {"subject": _pinned(), "source": _source("refs/tags/v0.1.0"), **members}
    scene = keyless_scene(tmp_path, _policy())

    Run(claims={**NUMBERS, **claims}, **given).release(scene, _made())

    assert install_code(scene) == code


def _source(ref: str) -> dict[str, Any]:
    return {"uri": f"git+https://github.com/acme/tip@{ref}", "digest": {"gitCommit": "5" * 40}}


def test_what_a_project_includes_is_what_the_template_knows() -> None:
    (document,) = _yaml(GITLAB)
    template = GITLAB.parents[2] / "examples" / "gitlab" / "release.gitlab-ci.yml"

    assert document["include"][0]["file"] == template.name
    known = template.read_text(encoding="utf-8")
    assert [name for name in document["variables"] if f"${name}" not in known] == []


@pytest.mark.parametrize(
    ("ref", "code"),
    [("refs/tags/v0.1.0", None), ("refs/heads/main", "identity-mismatch")],
    ids=["a-tag", "a-branch"],
)
def test_the_policy_for_gitlab_means_its_pipelines(
    tmp_path: Path, ref: str, code: str | None
) -> None:
    (part,) = (block.text for block in blocks(GITLAB) if block.kind == "toml")
    text = _policy()
    head, rest = text[: text.index("[signer.tip]")], text[text.index("[namespace.require.sbom]") :]
    scene = keyless_scene(tmp_path, f"{head}{part}{rest}")

    Run(
        subject=f"https://gitlab.com/acme/tip//.gitlab-ci.yml@{ref}",
        issuer="https://gitlab.com",
        builder="https://miniseal.dev/builders/local@v1",
        build_type="https://miniseal.dev/build-types/mini-program@v1",
        claims={**NUMBERS, "11": "gitlab-hosted", "14": ref},
        source={"uri": "https://gitlab.com/acme/tip"},
    ).release(scene, _made())

    if code is None:
        assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1
    else:
        assert install_code(scene) == code
