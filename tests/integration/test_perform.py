"""A release in several jobs: what one hands to another, and what the last one refuses."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.hostile import bounded, project_at
from kit.publishing import Publisher

Project = Callable[[str], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What three jobs have left: folders by the name of the part, and their digests."""

    folder: Path
    digests: dict[str, str]
    package: str

    def words(self, **other: str) -> tuple[str, ...]:
        """The options of the job that signs; `other` digests are named in place of the right."""
        named = {**self.digests, **other}
        return tuple(
            word
            for name, digest in named.items()
            for word in ("--performed", f"{self.folder / name}@{digest}")
        )


def performed(project: Path, part: str, folder: Path, *more: str | Path) -> dict[str, object]:
    return run_miniseal("perform", project, part, "-o", folder / part, *more).ok()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, examples: Path, vulnerability_db: Path) -> Parts:
    """The parts of `greeting`."""
    folder = tmp_path_factory.mktemp("performed")
    project = examples / "greeting"
    found = {part: performed(project, part, folder) for part in ("build", "rebuild")}
    built = f"{folder / 'build'}@{found['build']['results']}"
    found["scan"] = performed(
        project, "scan", folder, "--performed", built, "--vulnerability-db", vulnerability_db
    )
    return Parts(
        folder=folder,
        digests={part: str(each["results"]) for part, each in found.items()},
        package=str(found["build"]["package"]),
    )


@pytest.fixture
def parts(made: Parts, tmp_path: Path) -> Parts:
    """A copy that a test may change."""
    folder = Path(shutil.copytree(made.folder, tmp_path / "parts"))
    return Parts(folder=folder, digests=made.digests, package=made.package)


@pytest.fixture
def publisher(tmp_path: Path, vulnerability_db: Path) -> Publisher:
    return Publisher.new(tmp_path, vulnerability_db)


def release(publisher: Publisher, project: Path, tmp_path: Path, *more: str | Path) -> Run:
    run = publisher.release(project, tmp_path / "registry", *more)
    index = tmp_path / "registry" / "index.json"
    if run.exit_code and index.exists():
        assert "1.0.1" not in index.read_text(encoding="utf-8"), "it has a tag"
    return run


def _steps(run: Run) -> dict[str, dict[str, object]]:
    events = [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]
    return {each["step"]: each["data"] for each in events if each["event"] == "finished"}


def test_the_job_that_signs_runs_nothing_of_the_project(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    policy = publisher.policy(examples / "greeting", tmp_path)

    run = release(publisher, examples / "greeting", tmp_path, *parts.words(), "--policy", policy)

    result = run.ok()
    assert result["package"] == parts.package
    assert result["published"] is True
    steps = _steps(run)
    given = {name for name, data in steps.items() if data.get("by") == "another job"}
    assert given == {"build", "rebuild", "test", "scan-source", "scan-package", "scan-sbom"}
    assert not {"fetch", "fetch-runner", "scanner"} & set(steps)


def test_a_rebuild_is_made_elsewhere_and_gives_the_same(made: Parts) -> None:
    index = {
        name: json.loads((made.folder / name / "results.json").read_text()) for name in made.digests
    }

    assert {each["package"] for each in index.values()} == {made.package}
    assert sorted(index["build"]["results"]) == ["build", "test"]
    assert sorted(index["rebuild"]["results"]) == ["build"]


@pytest.mark.parametrize("part", ["build", "rebuild", "scan"])
def test_the_digest_of_another_jobs_output_is_refused(
    part: str, parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    words = parts.words(**{part: f"sha256:{'0' * 64}"})

    run = release(publisher, examples / "greeting", tmp_path, *words)

    run.refused("results-mismatch")


@pytest.mark.parametrize("name", ["build/build", "build/test", "rebuild/build", "scan/scan-source"])
def test_a_result_that_was_changed_on_the_way_is_refused(
    name: str, parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    path = parts.folder / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    run = release(publisher, examples / "greeting", tmp_path, *parts.words())

    run.refused("results-mismatch")


def test_results_of_another_source_are_refused(
    parts: Parts, publisher: Publisher, project: Project, tmp_path: Path
) -> None:
    greeting = project("greeting")
    (greeting / "README.md").write_text("changed", encoding="utf-8")

    run = release(publisher, greeting, tmp_path, *parts.words())

    assert "source" in run.refused("results-mismatch")["message"]


def test_each_part_has_to_be_there_once(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    words = parts.words()

    few = release(publisher, examples / "greeting", tmp_path, *words[:4])
    twice = release(publisher, examples / "greeting", tmp_path, *words, *words[:2])

    few.refused("results-missing", 2)
    twice.refused("results-missing", 2)


def test_two_builds_that_differ_stop_the_release(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    """Somebody who rebuilds gets another wasm: the digests are right, what they name is not."""
    folder = parts.folder / "rebuild"
    index = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    built = (folder / "build").read_bytes() + b"\0\x02\x01x"
    (folder / "build").write_bytes(built)
    index["results"]["build"] = _entry(built)

    run = release(
        publisher, examples / "greeting", tmp_path, *parts.words(rebuild=_sealed(folder, index))
    )

    run.refused("rebuild-differs")


def test_scans_of_another_package_are_refused(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    folder = parts.folder / "scan"
    index = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    index["package"] = f"sha256:{'1' * 64}"

    run = release(
        publisher, examples / "greeting", tmp_path, *parts.words(scan=_sealed(folder, index))
    )

    assert "package" in run.refused("results-mismatch")["message"]


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("scanner", f"sha256:{'2' * 64}", "scanner-not-pinned"),
        ("version", "99.0.0", "scanner-not-pinned"),
        ("updated", 946684800, "database-stale"),
    ],
)
def test_scans_by_what_may_not_scan_here_are_refused(
    member: str,
    value: object,
    code: str,
    parts: Parts,
    publisher: Publisher,
    examples: Path,
    tmp_path: Path,
) -> None:
    def change(scan: dict[str, Any]) -> None:
        scan["by"][member] = value

    run = release(
        publisher, examples / "greeting", tmp_path, *parts.words(scan=_scanned(parts, change))
    )

    run.refused(code)


@pytest.mark.parametrize(
    ("started", "finished"),
    [(None, 4102444800), (4102444800, None), (946684800, None), (None, 10**30)],
    ids=["to come", "ends before it starts", "before its database", "no time"],
)
def test_scans_of_another_time_are_refused(
    started: int | None,
    finished: int | None,
    parts: Parts,
    publisher: Publisher,
    examples: Path,
    tmp_path: Path,
) -> None:
    """Hosts go by the age of a scan: one from the future would be fresh for as long as that."""

    def change(scan: dict[str, Any]) -> None:
        scan["started"] = started or scan["started"]
        scan["finished"] = finished or scan["finished"]

    run = release(
        publisher, examples / "greeting", tmp_path, *parts.words(scan=_scanned(parts, change))
    )

    run.refused("results-malformed")


@pytest.mark.parametrize("finished", ["2100-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "soon"])
def test_a_build_of_another_time_is_refused(
    finished: str, parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    digest = _built(parts.folder / "build", lambda facts: facts.__setitem__(3, finished))

    run = release(publisher, examples / "greeting", tmp_path, *parts.words(build=digest))

    run.refused("results-malformed")


@pytest.mark.parametrize("data", [b"0", b"-1"], ids=repr)
def test_another_number_of_tests_than_the_program_has_is_refused(
    data: bytes, parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    digest = _replaced(parts.folder / "build", "test", data)

    run = release(publisher, examples / "greeting", tmp_path, *parts.words(build=digest))

    run.refused("results-mismatch")


@pytest.mark.parametrize(
    ("part", "more"),
    [
        ("build", ()),
        ("rebuild", ("--workflow-inputs", "{}", "--unsafe-no-isolation")),
    ],
)
def test_what_a_job_built_without_isolation_is_refused(
    part: str,
    more: tuple[str, ...],
    parts: Parts,
    publisher: Publisher,
    examples: Path,
    tmp_path: Path,
) -> None:
    """Provenance of a workflow has no word for it; other provenance is another builder's."""
    digest = _engine(parts.folder / part, isolation=None)

    run = release(publisher, examples / "greeting", tmp_path, *parts.words(**{part: digest}), *more)

    run.refused("isolation-required", 2)


def test_a_base_image_that_the_lock_does_not_pin_is_refused(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    image = {"name": "evil.example/base", "digest": f"sha256:{'3' * 64}"}
    digest = _engine(parts.folder / "build", images=[image])

    run = release(publisher, examples / "greeting", tmp_path, *parts.words(build=digest))

    assert "image" in run.refused("results-mismatch")["message"]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("build/results.json", os.mkfifo),
        ("build/test", os.mkfifo),
        ("build/test", lambda path: path.symlink_to("/dev/zero")),
    ],
    ids=["index", "result", "device"],
)
def test_what_is_no_file_is_refused_without_waiting_for_it(
    name: str,
    make: Callable[[Path], None],
    parts: Parts,
    publisher: Publisher,
    examples: Path,
    tmp_path: Path,
) -> None:
    path = parts.folder / name
    path.unlink()
    make(path)

    with bounded(20):
        run = release(publisher, examples / "greeting", tmp_path, *parts.words())

    run.refused("results-unusable", 2)


def test_a_prebuilt_wasm_is_the_sources(
    publisher: Publisher, vulnerability_db: Path, tmp_path: Path
) -> None:
    """Two jobs that agree on another one are wrong: the job that signs has it in its checkout."""
    other = project_at(tmp_path / "other", wasm=b"\0asm\1\0\0\0\0\2\1x")
    source = project_at(tmp_path / "source")
    folder = tmp_path / "parts"
    found = {part: performed(other, part, folder) for part in ("build", "rebuild")}
    built = f"{folder / 'build'}@{found['build']['results']}"
    performed(other, "scan", folder, "--performed", built, "--vulnerability-db", vulnerability_db)
    named = performed(source, "build", tmp_path / "true")["source"]
    words = [
        f"{folder / part}@{_sealed(folder / part, _index(folder / part) | {'source': named})}"
        for part in ("build", "rebuild", "scan")
    ]

    run = release(
        publisher, source, tmp_path, *(each for word in words for each in ("--performed", word))
    )

    assert "wasm" in run.refused("results-mismatch")["message"]


def test_a_folder_of_something_else_is_refused(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    folder = parts.folder / "build"
    strange = release(
        publisher, examples / "greeting", tmp_path, *parts.words(build=_sealed(folder, {"v": 2}))
    )
    shutil.rmtree(folder)
    gone = release(publisher, examples / "greeting", tmp_path, *parts.words())

    strange.refused("results-malformed")
    gone.refused("results-unusable", 2)


def test_a_key_is_no_workflow(
    parts: Parts, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    run = release(
        publisher, examples / "greeting", tmp_path, *parts.words(), "--workflow-inputs", "{}"
    )

    run.refused("workflow-unknown", 2)


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1, "a": 2}'])
def test_inputs_that_are_no_json_object_are_refused(
    text: str, publisher: Publisher, examples: Path, tmp_path: Path
) -> None:
    run = release(publisher, examples / "greeting", tmp_path, "--workflow-inputs", text)

    run.refused("usage", 2)


def test_a_scan_needs_a_build_and_nothing_else_takes_one(parts: Parts, examples: Path) -> None:
    words = parts.words()

    scan = run_miniseal("perform", examples / "greeting", "scan", "-o", parts.folder / "new")
    build = run_miniseal(
        "perform", examples / "greeting", "build", "-o", parts.folder / "new", *words[:2]
    )

    scan.refused("usage", 2)
    build.refused("usage", 2)


def test_results_are_written_to_a_new_folder(parts: Parts, examples: Path) -> None:
    run = run_miniseal("perform", examples / "greeting", "rebuild", "-o", parts.folder / "rebuild")

    run.refused("results-unusable", 2)


def _scanned(parts: Parts, change: Callable[[dict[str, Any]], None]) -> str:
    """The digest of the scans with a change in each."""
    folder = parts.folder / "scan"
    for name in ("scan-source", "scan-package", "scan-sbom"):
        scan = json.loads((folder / name).read_text(encoding="utf-8"))
        change(scan)
        digest = _replaced(folder, name, json.dumps(scan).encode())
    return digest


def _engine(folder: Path, **members: object) -> str:
    """The digest of a build by an engine that says something else of itself."""
    return _built(folder, lambda facts: facts[0].update(members))


def _built(folder: Path, change: Callable[[list[Any]], object]) -> str:
    """The digest of a build with other facts: engine, invocation, start and end."""
    head, _, wasm = (folder / "build").read_bytes().partition(b"\n")
    facts = json.loads(head)
    change(facts)
    return _replaced(folder, "build", json.dumps(facts).encode() + b"\n" + wasm)


def _replaced(folder: Path, name: str, data: bytes) -> str:
    """The digest of a folder with another result."""
    index = _index(folder)
    (folder / name).write_bytes(data)
    index["results"][name] = _entry(data)
    return _sealed(folder, index)


def _index(folder: Path) -> dict[str, Any]:
    index: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return index


def _entry(data: bytes) -> dict[str, object]:
    from miniseal.formats.digest import sha256

    return {"digest": sha256(data), "size": len(data)}


def _sealed(folder: Path, index: dict[str, object]) -> str:
    """The digest of a folder whose index is this; what it lists is as it was written."""
    from miniseal.formats.digest import sha256
    from miniseal.formats.strictjson import canonical

    data = canonical(index)
    (folder / "results.json").write_bytes(data)
    return sha256(data)
