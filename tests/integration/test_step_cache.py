"""Releases with a step cache: what did not change does not run again, and says so."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.killing import kill_at, nothing_survives
from kit.layouts import snapshot, tags
from kit.publishing import Publisher

TOOLCHAIN = {"build", "rebuild", "test", "fetch", "fetch-runner"}
SCANS = {"scan-source", "scan-package", "scan-sbom", "sbom"}


class Bench:
    """A project of its own with a cache of its own, released again and again."""

    def __init__(self, project: Path, publisher: Publisher, tmp: Path) -> None:
        self.project = project
        self.publisher = publisher
        self.layout = tmp / "registry"
        self.cache = tmp / "steps"

    @property
    def env(self) -> dict[str, str]:
        return {"MINISEAL_STEP_CACHE": str(self.cache)}

    def release(self, *more: str, env: dict[str, str] | None = None) -> Run:
        return self.publisher.release(
            self.project, self.layout, *more, env={**self.env, **(env or {})}
        )

    def prove(self, *more: str) -> Run:
        """Everything but publishing."""
        return self.release("--until", "gate", *more)

    def plan(self, *more: str) -> dict[str, Any]:
        words = self.publisher.words(self.project, self.layout)[1:]
        return run_miniseal("plan", *words, *more, env=self.env).ok()

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.project / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture
def bench(
    project: Callable[[str], Path], released: Path, vulnerability_db: Path, tmp_path: Path
) -> Bench:
    publisher = Publisher(key=released / "publisher.key", database=vulnerability_db)
    return Bench(project("greeting"), publisher, tmp_path)


def happened(run: Run, kind: str) -> set[str]:
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    return {line["step"] for line in lines if line["event"] == kind}


def texts(run: Run) -> list[str]:
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    return [line["data"]["text"] for line in lines if line["event"] == "output"]


def test_a_warm_release_runs_no_tool_signs_nothing_and_writes_nothing(bench: Bench) -> None:
    first = bench.release().ok()
    before = snapshot(bench.layout)

    # neither tools nor a network: whatever had to be fetched would fail
    run = bench.release(env={"MINISEAL_CACHE": str(bench.cache / "empty"), "PIP_NO_INDEX": "1"})

    result = run.ok()
    assert result["unchanged"] is True
    assert result["package"] == first["package"]
    assert happened(run, "started") == {"resolve", "pack"}
    assert happened(run, "cached") == {"build", "publish"}
    assert snapshot(bench.layout) == before


def test_nothing_but_an_asset_changed(bench: Bench) -> None:
    bench.prove().ok()
    path = next((bench.project / "assets").rglob("*.json"))
    path.write_text(path.read_text() + "\n")

    run = bench.prove()

    run.ok()
    assert {"build", "rebuild", "test"} <= happened(run, "cached")
    assert happened(run, "finished") >= SCANS


def test_a_comment_that_changes_no_wasm_repeats_what_depends_on_the_source_alone(
    bench: Bench,
) -> None:
    bench.prove().ok()
    bench.edit("src/greeting.wat", "(module", ";; nothing\n(module")

    run = bench.prove("--explain")

    run.ok()
    assert {"build", "rebuild", "scan-source"} <= happened(run, "finished")
    assert happened(run, "cached") == {"test", "sbom", "scan-package", "scan-sbom"}
    changed = [text for text in texts(run) if "src/greeting.wat changed: sha256:" in text]
    assert len(changed) == 3


@pytest.mark.parametrize(
    ("name", "before", "after", "runs"),
    [
        ("miniseal.toml", 'fail_on = "high"', 'fail_on = "low"', {"scan-source"}),
        ("miniseal.toml", "wall_ms = 200", "wall_ms = 300", {"test", *SCANS}),
        ("manifest.json", '"code": 2, "name": "1.0.1"', '"code": 3, "name": "1.0.2"', SCANS),
    ],
)
def test_a_setting_runs_what_it_decides(
    bench: Bench, name: str, before: str, after: str, runs: set[str]
) -> None:
    bench.prove().ok()
    bench.edit(name, before, after)

    run = bench.prove()

    run.ok()
    finished = happened(run, "finished") & (TOOLCHAIN | SCANS)
    manifest_is_source = {"build", "rebuild", "fetch"} if name == "manifest.json" else set()
    needed = {"fetch-runner"} if "test" in runs else set()
    assert finished == runs | manifest_is_source | needed


def test_every_damaged_entry_is_made_again(bench: Bench) -> None:
    first = bench.release().ok()
    kept = [path for path in (bench.cache / "v1").iterdir() if path.is_file()]
    assert len(kept) == 7
    for number, path in enumerate(kept):
        data = bytearray(path.read_bytes())
        data[number * 7 % len(data)] ^= 0x40
        path.write_bytes(data)

    run = bench.release("--resign")

    assert run.ok()["package"] == first["package"]
    assert happened(run, "cached") == set()


def test_a_killed_release_continues_where_it_was(bench: Bench, tmp_path: Path) -> None:
    words = bench.publisher.words(bench.project, bench.layout)
    os.environ["MINISEAL_STEP_CACHE"] = str(bench.cache)
    try:
        with nothing_survives():
            kill_at(("gate", "started"), words, scratch=tmp_path / "scratch")
    finally:
        os.environ["MINISEAL_STEP_CACHE"] = "off"
    assert tags(bench.layout) == {}

    run = bench.release()

    run.ok()
    assert {"build", "rebuild", "test"} | SCANS <= happened(run, "cached")
    assert "build" not in happened(run, "started")


def test_from_runs_a_step_and_what_depends_on_it(bench: Bench) -> None:
    bench.release().ok()

    run = bench.release("--from", "scan-package")

    assert run.ok()["unchanged"] is False
    assert "scan-package" in happened(run, "finished")
    assert {"build", "rebuild", "test", "scan-source"} <= happened(run, "cached")
    assert {"sbom", "scan-sbom", "gate", "sign", "tag"} <= happened(run, "finished")


def test_until_stops_there_and_publishes_nothing(bench: Bench) -> None:
    run = bench.release("--until", "build")

    assert run.ok() == {"published": False}
    assert happened(run, "finished") == {"resolve", "fetch", "build"}
    assert not bench.layout.exists()


def test_a_step_that_is_not_there_is_refused(bench: Bench) -> None:
    for option in ("--from", "--until"):
        error = bench.release(option, "bild").refused("step-unknown", exit_code=2)
        assert "scan-source" in error["expected"]


def test_no_cache_runs_everything_and_keeps_nothing(bench: Bench) -> None:
    run = bench.release("--no-cache")

    run.ok()
    assert not bench.cache.exists()


class TestPlan:
    def test_a_first_plan_runs_everything_and_does_nothing(self, bench: Bench) -> None:
        plan = bench.plan()

        states = {step["name"]: step["state"] for step in plan["steps"]}
        assert {states[name] for name in ("build", "scan-source", "sign", "tag")} == {"runs"}
        assert {states[name] for name in ("pack", "rebuild", "test", "sbom")} == {"depends"}
        assert plan["unchanged"] is False
        assert plan["package"] is None
        assert len(plan["signs"]) == 6
        assert not bench.layout.exists()
        assert not (bench.cache / "v1").exists()

    def test_a_plan_of_what_is_published_signs_nothing(self, bench: Bench) -> None:
        released = bench.release().ok()

        plan = bench.plan()

        states = {step["name"]: step["state"] for step in plan["steps"]}
        assert plan["unchanged"] is True
        assert plan["package"]["package"] == released["package"]
        assert plan["signs"] == []
        assert states["build"] == "cached"
        assert {states[name] for name in ("fetch", "rebuild", "sign", "tag")} == {"skipped"}

    def test_a_plan_names_the_input_that_changed(self, bench: Bench) -> None:
        bench.release().ok()
        bench.edit("src/greeting.wat", "(module", ";; nothing\n(module")

        steps = {step["name"]: step for step in bench.plan()["steps"]}

        assert re.fullmatch(
            r"runs because file src/greeting\.wat changed: sha256:\w+ -> sha256:\w+",
            steps["build"]["why"][0],
        )

    def test_people_see_the_graph(self, bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
        from miniseal.cli.main import main

        words = bench.publisher.words(bench.project, bench.layout)[1:]
        assert main(["plan", *words]) == 0

        shown = capfd.readouterr().out
        assert "RUNS     build" in shown
        assert "would sign with the key" in shown


class TestTheCommand:
    def test_show_and_prune(self, bench: Bench) -> None:
        bench.prove().ok()
        env = {**bench.env, "MINISEAL_CACHE": str(bench.cache / "other")}

        shown = run_miniseal("cache", "show", env=env).ok()
        pruned = run_miniseal("cache", "prune", env=env).ok()

        assert shown["steps"]["entries"] == 7
        assert pruned["steps"]["removed"] == shown["steps"]["bytes"]
        assert run_miniseal("cache", "show", env=env).ok()["steps"]["entries"] == 0

    @pytest.mark.parametrize("size", ["-1", "lots", "5 MB", "1.5GiB", ""])
    def test_a_size_that_is_none(self, size: str) -> None:
        run_miniseal("cache", "prune", "--keep", size).refused("size-malformed", exit_code=2)
