"""Somebody else builds what was published, finds the same or another package, and says so."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.layouts import Attached, attached, snapshot

BUILDER = "https://rebuilder.example/builder@v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"

Project = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> tuple[Path, str]:
    """A layout with `greeting`, and the digest of its package."""
    layout = tmp_path_factory.mktemp("built") / "registry"
    result = run_miniseal("build", examples / "greeting", "-o", f"oci:{layout}").ok()
    return layout, str(result["package"])


@pytest.fixture
def published(built: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """A copy of the layout that a test may change."""
    return Path(shutil.copytree(built[0], tmp_path / "registry")), built[1]


@pytest.fixture
def greeting(project: Project) -> Path:
    return project("greeting")


def rebuild(project: Path, published: tuple[Path, str], *more: str | Path) -> Run:
    layout, digest = published
    return run_miniseal("rebuild", project, "--against", f"oci:{layout}@{digest}", *more)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def change(greeting: Path) -> None:
    """Let another wasm and another asset come out of the source."""
    edit(greeting / "src" / "greeting.wat", "Hello!", "Hallo!")
    asset = next(path for path in sorted((greeting / "assets").rglob("*.txt")))
    asset.write_text("changed", encoding="utf-8")


def only(published: tuple[Path, str]) -> Attached:
    (found,) = attached(*published)
    return found


def test_the_same_source_gives_the_same_package(
    greeting: Path, published: tuple[Path, str]
) -> None:
    result = rebuild(greeting, published).ok()

    assert (result["app_id"], result["same"]) == ("com.example.greeting", True)
    assert result["package"] == result["rebuilt"] == published[1]
    assert result["differences"] == []
    assert result["attested"] is None
    assert attached(*published) == []


def test_another_source_gives_another_package_and_is_told_apart(
    greeting: Path, published: tuple[Path, str]
) -> None:
    change(greeting)

    run = rebuild(greeting, published)

    error = run.document["error"]
    result: dict[str, Any] = run.document["result"]
    assert (run.exit_code, run.document["ok"]) == (1, False)
    assert error["code"] == "rebuild-differs"
    assert (error["found"], error["expected"]) == (result["rebuilt"], published[1])
    assert result["same"] is False
    assert any(line.startswith("app.wasm: section data") for line in result["differences"])
    assert any(line.startswith("assets: entry ") for line in result["differences"])
    assert attached(*published) == []


def test_nothing_that_a_build_gave_before_is_believed(
    greeting: Path, published: tuple[Path, str], tmp_path: Path
) -> None:
    cache = {"MINISEAL_STEP_CACHE": str(tmp_path / "steps")}
    layout, digest = published
    words = ("rebuild", greeting, "--against", f"oci:{layout}@{digest}", "--progress", "json")

    run_miniseal(*words, env=cache).ok()
    again = run_miniseal(*words, env=cache)

    again.ok()
    assert '"cached"' not in again.stderr
    assert snapshot(tmp_path / "steps") == {}


def test_who_agrees_signs_provenance_of_a_builder_of_their_own(
    greeting: Path, published: tuple[Path, str], key: Path
) -> None:
    words = ("--attest", "--builder-id", BUILDER, "--key", key)

    result = rebuild(greeting, published, *words).ok()

    statement = only(published).statement
    assert result["attested"]["predicate_type"] == PROVENANCE
    assert statement["predicateType"] == PROVENANCE
    assert [each["digest"]["sha256"] for each in statement["subject"]] == [published[1][7:]]
    assert statement["predicate"]["runDetails"]["builder"]["id"] == BUILDER
    source = statement["predicate"]["buildDefinition"]["externalParameters"]["source"]
    assert len(source["digest"]["sha256"]) == 64


def test_who_does_not_agree_signs_a_failed_test(
    greeting: Path, published: tuple[Path, str], key: Path
) -> None:
    change(greeting)
    words = ("--attest", "--builder-id", BUILDER, "--key", key)

    run = rebuild(greeting, published, *words)

    statement = only(published).statement
    predicate = statement["predicate"]
    assert run.exit_code == 1
    assert run.document["result"]["attested"]["predicate_type"] == TEST_RESULT
    assert statement["predicateType"] == TEST_RESULT
    assert [each["digest"]["sha256"] for each in statement["subject"]] == [published[1][7:]]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["rebuild"])
    made, source = predicate["configuration"]
    assert made["digest"]["sha256"] == run.document["result"]["rebuilt"][7:]
    assert made["annotations"]["builder"] == BUILDER
    assert source["name"] == "source"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("com.example.greeting", "com.example.other", "com.example.other"),
        ('"name": "1.0.1"', '"name": "1.0.2"', "1.0.2"),
    ],
    ids=["program", "version"],
)
def test_the_source_of_something_else_is_refused_and_nothing_is_said(
    greeting: Path, published: tuple[Path, str], key: Path, old: str, new: str, found: str
) -> None:
    edit(greeting / "manifest.json", old, new)
    words = ("--attest", "--builder-id", BUILDER, "--key", key)

    error = rebuild(greeting, published, *words).refused("rebuild-other-source", 2)

    assert error["found"] == found
    assert attached(*published) == []


def test_a_source_with_the_wasm_ready_made_is_refused(
    greeting: Path, published: tuple[Path, str]
) -> None:
    edit(greeting / "miniseal.toml", 'toolchain = "wat"', 'toolchain = "prebuilt"')
    (greeting / "app.wasm").write_bytes(b"\0asm\1\0\0\0")
    edit(greeting / "miniseal.toml", "src/greeting.wat", "app.wasm")

    rebuild(greeting, published).refused("nothing-to-rebuild", 2)


@pytest.mark.parametrize(
    "words",
    [
        ("--attest",),
        ("--attest", "--builder-id", BUILDER),
        ("--attest", "--builder-id", "mine"),
        ("--attest", "--builder-id", BUILDER, "--unsafe-no-isolation"),
    ],
    ids=["no builder", "no key", "no URI", "no isolation"],
)
def test_words_that_do_not_fit_are_refused_before_anything_is_built(
    greeting: Path, published: tuple[Path, str], words: tuple[str, ...]
) -> None:
    rebuild(greeting, published, *words).refused("usage", 2)
