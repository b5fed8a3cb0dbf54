"""The documentation is true: what it tells to type works, what it names exists, all is there.

Tutorial and how-to guides are run as they stand (`kit.pages` says how).
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kit.called import called_names
from kit.commands import Run
from kit.pages import blocks, misses, run_page
from kit.scripts import load
from miniseal.pipeline.engines.dagger.engine import ISOLATION
from miniseal.pipeline.flow import STEPS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
TUTORIAL = DOCS / "tutorial" / "first-release.md"
GUIDES = [*sorted((DOCS / "how-to").glob("*.md")), ROOT / "examples" / "README.md"]
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("examples/**/*.md"))
) + sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")
KINDS = {"", "json", "mermaid", "python", "sh", "text", "toml", "yaml"}
COMMAND = re.compile(r"(?:^|[$|`(] ?)miniseal ([a-z]+)", re.MULTILINE)


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return load(DOCS / "generate.py")


@pytest.fixture
def bench(tmp_path: Path, released: Path, examples: Path, vulnerability_db: Path) -> Path:
    """What the guides start from: a project, its release, keys, and a platform's policy."""
    (tmp_path / "examples").symlink_to(examples)
    shutil.copytree(examples / "tip", tmp_path / "tip")
    shutil.copytree(released / "registry-tip", tmp_path / "registry")
    shutil.copytree(released / "policy-tip", tmp_path / "platform")
    for name in ("publisher.key", "publisher.key.pub"):
        shutil.copy(released / name, tmp_path / name)
    shutil.copytree(vulnerability_db, tmp_path / "vulnerability-db")
    return tmp_path


def _environment(folder: Path, shared: Path) -> dict[str, str]:
    """What readers have: also a step cache, with what other pages have built."""
    return {
        "MINISEAL_REPOSITORY": str(ROOT),
        "MINISEAL_STEP_CACHE": str(shared / "steps-of-pages"),
        "MINISEAL_VULNERABILITY_DB": str(folder / "vulnerability-db"),
    }


def _text(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_the_tutorial_works_as_it_stands(tmp_path: Path, shared: Path) -> None:
    expectations = run_page(TUTORIAL, tmp_path, _environment(tmp_path, shared))

    wrong = {block.line: misses(block.text, output) for block, output in expectations}
    assert {line: missing for line, missing in wrong.items() if missing} == {}
    assert len(expectations) > 10


@pytest.mark.parametrize("page", GUIDES, ids=_id)
def test_a_guide_works_as_it_stands(page: Path, bench: Path, shared: Path) -> None:
    expectations = run_page(page, bench, _environment(bench, shared))

    wrong = {block.line: misses(block.text, output) for block, output in expectations}
    assert {line: missing for line, missing in wrong.items() if missing} == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("```sh\nfalse\n```\n", "exit code 1", id="a-command-fails"),
        pytest.param("```sh\ntrue  # refused: no\n```\n", "exit code 99", id="not-refused"),
        pytest.param(
            "```sh\nbash -c 'echo [other]; exit 1'  # refused: no\n```\n",
            "expected a refusal with no, got exit code 1",
            id="refused-with-another-code",
        ),
        pytest.param("```python\nraise ValueError\n```\n", "ValueError", id="a-program-fails"),
    ],
)
def test_a_page_that_is_wrong_is_noticed(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "page.md").write_text(text, encoding="utf-8")

    with pytest.raises(AssertionError, match=message):
        run_page(tmp_path / "page.md", tmp_path, {})


def test_output_that_a_page_does_not_expect_is_noticed(tmp_path: Path) -> None:
    page = "```sh\necho one; echo two\n```\n\n```text\ntwo\no...e\n```\n"
    (tmp_path / "page.md").write_text(page, encoding="utf-8")

    ((block, output),) = run_page(tmp_path / "page.md", tmp_path, {})

    assert misses(block.text, output) == ["o...e"]
    assert misses("o...e\ntwo", output) == []


def test_a_refusal_with_its_code_passes(tmp_path: Path) -> None:
    page = "```sh\nbash -c \\\n  'echo [no]; exit 1'  # refused: no\n```\n"
    (tmp_path / "page.md").write_text(page, encoding="utf-8")

    assert run_page(tmp_path / "page.md", tmp_path, {}) == []


def test_the_python_of_the_readme_loads_a_released_program(
    tmp_path: Path, released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(released / "policy-tip", tmp_path, dirs_exist_ok=True)
    shutil.copytree(released / "registry-tip", tmp_path / "registry")
    (block,) = [block for block in blocks(README) if block.kind == "python"]
    names: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)

    exec(compile(block.text, str(README), "exec"), names)  # noqa: S102 - it is what is tested

    assert names["program"].wasm.startswith(b"\0asm")


def test_make_has_every_target_that_a_page_names() -> None:
    targets = set(re.findall(r"^([a-z]+):", _text(ROOT / "Makefile"), re.MULTILINE))

    named = set(re.findall(r"(?:`|^)make ([a-z]+)", _text(*PAGES), re.MULTILINE))
    assert named - targets == set()
    assert {"demo", "test"} <= named


def test_the_command_line_has_every_command_that_a_page_names(generate: ModuleType) -> None:
    known = {path for path, _, _ in generate.commands(generate.cli, "miniseal")}
    written = [page for page in PAGES if page.parent.name != "adr"]
    code = re.findall(r"`([^`\n]+)`", _text(*written))
    code += [block.text for page in written for block in blocks(page)]

    named = {f"miniseal {word}" for snippet in code for word in COMMAND.findall(snippet)}
    assert named - known == set()
    assert "miniseal readmit" in named


def test_every_error_code_that_a_page_names_is_declared(generate: ModuleType) -> None:
    """Words with hyphens in backticks are codes, or names of steps, isolations and inputs."""
    pages = [README, *(page for page in DOCS.rglob("*.md") if page.parent.name != "adr")]

    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", _text(*pages)))
    others = {ISOLATION, *(step.name for step in STEPS), *called_names()}
    assert named - set(generate.codes()) - others == set()
    assert "policy-changed" in named


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_page_links_to_what_is_there(page: Path) -> None:
    dead: list[str] = []
    for target, anchor in LINK.findall(_text(page)):
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor[1:] not in _anchors(path)):
            dead.append(target + anchor)

    assert dead == []


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    titles = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_pages_toml_and_json_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "toml":
            tomllib.loads(block.text)
        if block.kind == "json":
            json.loads(block.text)

        assert block.kind in KINDS, block.line


def test_the_projects_page_has_a_miniseal_toml_that_loads(generate: ModuleType) -> None:
    (block,) = [b for b in blocks(DOCS / "reference" / "project.md") if b.kind == "toml"]

    settings = generate.Settings.from_toml(block.text.encode())

    assert settings.build.toolchain == "assemblyscript"


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / target).resolve() for target, _ in LINK.findall(_text(index))}

    pages = {page for page in DOCS.rglob("*.md") if page != index and page.parent.name != "adr"}
    assert pages - linked == set()


def _members(schema: dict[str, Any]) -> Iterator[str]:
    """The names of all members of a JSON Schema, whatever they are nested in."""
    for key, value in schema.items():
        if key == "properties":
            yield from value
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from _members(each)


def _unmentioned(names: set[str], page: str) -> set[str]:
    text = _text(DOCS / "reference" / page)
    quoted = " ".join(re.findall(r"`[^`\n]+`|^```.*?^```", text, re.MULTILINE | re.DOTALL))
    return {
        name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", quoted)
    }


def test_the_policys_page_has_every_member(generate: ModuleType) -> None:
    names = set(_members(generate.Policy.json_schema()))

    assert "max_admission_age" in names
    assert _unmentioned(names, "policy.md") == set()


def test_the_projects_page_has_every_member_of_miniseal_toml(generate: ModuleType) -> None:
    names = set(_members(generate.Settings.json_schema()))

    assert "memory_mib" in names
    assert _unmentioned(names, "project.md") == set()


def test_the_projects_page_has_every_toolchain() -> None:
    from miniseal.packager import TOOLCHAINS  # needs an extra

    assert _unmentioned(set(TOOLCHAINS), "project.md") == set()


def _keys(value: object) -> Iterator[str]:
    """The names of all members of a JSON value."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from _keys(below)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def _first(value: dict[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        value = value[name]
    return value


def test_the_packages_page_has_every_member_of_a_config(
    released: Path, miniseal: Callable[..., Run]
) -> None:
    result = miniseal("inspect", f"oci:{released / 'registry-greeting'}:1.0.1").ok()

    names = set(_keys({**result["config"]["miniseal"], "permissions": {}}))
    assert {"wasm", "imports", "allowed_hosts"} <= names
    assert _unmentioned(names, "package.md") == set()


def test_the_evidence_page_has_everything_that_a_release_states(
    released: Path, miniseal: Callable[..., Run]
) -> None:
    from miniseal.pipeline.steps import attest  # needs an extra

    policy = released / "policy-tip" / "policy.toml"
    reference = f"oci:{released / 'registry-tip'}:1.2.0"
    words = ("verify", reference, "--app", "com.example.tip", "--policy", policy)
    stated = {item["predicateType"] for item in miniseal(*words).ok()["evidence"]}

    text = _text(*(DOCS / "reference").rglob("*.md"))
    builders = {attest.BUILDER_DAGGER, attest.BUILDER_ISOLATED, attest.BUILDER_UNSAFE}
    uris = stated | {attest.BUILD_TYPE, *builders}
    assert {uri for uri in uris if f"`{uri}`" not in text} == set()


def test_the_build_types_page_has_every_parameter(bench: Path) -> None:
    names: set[str] = set()
    for path in (bench / "registry" / "blobs" / "sha256").iterdir():
        predicate = _statement(path.read_bytes()).get("predicate", {})
        definition = predicate.get("buildDefinition", {})
        names |= set(_keys(definition.get("externalParameters", {})))
        names |= set(_keys(definition.get("internalParameters", {})))

    assert {"entry", "isolation"} <= names
    assert _unmentioned(names, "build-types/mini-program-v1.md") == set()


def test_the_page_of_the_workflows_build_type_has_every_parameter() -> None:
    from kit.workflow_runs import Run as WorkflowRun  # like the next, needs an extra
    from miniseal.pipeline.steps.workflow import Workflow

    run = Workflow.of(WorkflowRun().signer().identity, {})
    names = set(_keys({"workflow": run.external, "github": run.internal}))

    assert {"path", "runner_environment"} <= names
    assert _unmentioned(names, "build-types/github-workflow-v1.md") == set()


def _statement(data: bytes) -> dict[str, Any]:
    """The statement in a bundle, or nothing."""
    from base64 import b64decode  # only here

    try:
        value: Any = json.loads(b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(value)


def test_the_states_page_has_every_file_and_member(
    tmp_path: Path, released: Path, miniseal: Callable[..., Run]
) -> None:
    state = tmp_path / "state"
    policy = released / "policy-greeting" / "policy.toml"
    words = ("--policy", policy, "--state", state)
    reference = f"oci:{released / 'registry-greeting'}:1.0.1"
    record = miniseal("install", "com.example.greeting", reference, *words).ok()
    head = _sealed(state / "head.json")
    line = json.loads((state / "audit.jsonl").read_bytes().splitlines()[0])

    members = set(_keys({**head, "apps": list(head["apps"].values())}))
    files = {path.name for path in state.iterdir()}
    names = members | files | set(_keys(record)) | set(line)
    assert {"generation", "mac.key", "audit.jsonl", "toolchain", "previous"} <= names
    assert _unmentioned(names, "host-state.md") == set()


def _sealed(path: Path) -> dict[str, Any]:
    from base64 import b64decode  # only here

    value: dict[str, Any] = json.loads(b64decode(json.loads(path.read_bytes())["payload"]))
    return value


def test_results_are_as_the_reference_says(
    bench: Path, generate: ModuleType, miniseal: Callable[..., Run]
) -> None:
    schema = Draft202012Validator(generate.result_schema())
    app, reference = "com.example.tip", f"oci:{bench / 'registry'}:1.2.0"
    policy = ("--policy", bench / "platform" / "policy.toml")
    host = (*policy, "--state", bench / "state")
    key = bench / "publisher.key"
    documented = _documented_results()
    said = {"result": "PASSED", "configuration": []}
    (bench / "said.json").write_text(json.dumps(said), encoding="utf-8")

    for name, words in {
        "inspect": (reference,),
        "verify": (reference, "--app", app, *policy),
        "install": (app, reference, *host),
        "list": host,
        "load": (app, *host),
        "readmit": (app, *host),
        "remove": (app, *host),
        "build": (bench / "tip", "-o", f"oci:{bench / 'built'}", "--progress", "none"),
        "attest": (
            *(reference, "--type", "test-result", "--predicate", bench / "said.json"),
            *("--key", key),
        ),
        "keys show": (key,),
        "keys generate": (bench / "another.key",),
        "policy check": (policy[1],),
        "policy init": (bench / "tip", "--key", f"{key}.pub", "-o", bench / "other.toml"),
        "doctor": (),
        "lock": (bench / "tip",),
        "init": (bench / "new", "--toolchain", "wat"),
        "release": (
            *(bench / "tip", "--to", f"oci:{bench / 'registry'}", "--key", key),
            *("--vulnerability-db", bench / "vulnerability-db"),
        ),
    }.items():
        run = miniseal(
            *name.split(),
            *words,
            env={"MINISEAL_VULNERABILITY_DB": str(bench / "vulnerability-db")},
        )
        result = run.ok()
        schema.validate(run.document)
        assert run.document["schema"] == f"miniseal/{name.replace(' ', '-')}/v1"
        assert set(result) <= documented[name], name


def _documented_results() -> dict[str, set[str]]:
    """The members of each command's result, from the table in exit-codes.md."""
    text = _text(DOCS / "reference" / "exit-codes.md")
    rows = re.findall(r"^\| ((?:`[a-z ]+`(?:, )?)+) \| (.+) \|$", text, re.MULTILINE)
    return {
        name: set(re.findall(r"`([a-z_]+)`", members))
        for names, members in rows
        for name in re.findall(r"`([a-z ]+)`", names)
    }


def test_a_failure_is_as_the_schema_says(
    generate: ModuleType, miniseal: Callable[..., Run]
) -> None:
    run = miniseal("inspect", "oci:nowhere:1.0.0")

    run.refused("content-missing", exit_code=2)
    Draft202012Validator(generate.result_schema()).validate(run.document)


def test_progress_is_as_the_schema_says(
    bench: Path, generate: ModuleType, miniseal: Callable[..., Run]
) -> None:
    schema = Draft202012Validator(generate.progress_schema())
    run = miniseal("build", bench / "tip", "-o", f"oci:{bench / 'built'}", "--progress", "json")

    lines = [json.loads(line) for line in run.stderr.splitlines()]
    for line in lines:
        schema.validate(line)
    page = _text(DOCS / "reference" / "progress.md")
    facts = {f"`{name}`" for line in lines for name in (line["step"], line["event"], *line["data"])}
    assert {name for name in facts if name not in page} == set()


def test_what_is_generated_is_what_is_written() -> None:
    # in a process of its own: click keeps what a command's help was when a test first asked
    command = [sys.executable, DOCS / "generate.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_a_stale_page_is_shown_with_what_differs(generate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("old\n", encoding="utf-8")

    assert generate.check(tmp_path, {"page.md": "new\n"}) == [
        "docs/reference/page.md is stale: run `make docs`",
        *("--- written", "+++ generated", "@@ -1 +1 @@", "-old", "+new"),
    ]


def test_a_schema_that_nothing_generates_is_left_over(generate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "gone.json").touch()

    assert generate.check(tmp_path, {}) == [
        "docs/reference/schemas/gone.json is left over: remove it"
    ]


def test_a_code_declared_twice_ends_the_generator(
    generate: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from miniseal.cli import files, outcome  # the modules that are changed

    twin = type(files.FILE_UNUSABLE)("file-unusable", Exception, meaning="", cause="", remedy="")
    monkeypatch.setattr(outcome, "TWIN", twin, raising=False)

    with pytest.raises(SystemExit, match="file-unusable is declared twice"):
        generate.codes()
