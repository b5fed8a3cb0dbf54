"""Every example has the same digests wherever it is built, and without any network."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.dagger import BaseImage, DaggerEngineProcess, DaggerTools
from kit.golden import KINDS, NAMES, golden
from kit.layouts import attached
from kit.publishing import Publisher

ROOT = Path(__file__).parents[2]
PROVENANCE = "https://slsa.dev/provenance/v1"
ALONE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A prefix for a command that has a network of its own, which leads nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to release: the engine's option, and what goes before the command."""

    engine: str
    prefix: tuple[str, ...]
    env: dict[str, str]

    def release(self, publisher: Publisher, project: Path, layout: Path, image: BaseImage) -> Run:
        return publisher.release(
            project,
            layout,
            *("--engine", self.engine, "--base-image", image.archive),
            prefix=self.prefix,
            env=self.env,
        )


@pytest.fixture
def publisher(released: Path, vulnerability_db: Path) -> Publisher:
    return Publisher(key=released / "publisher.key", database=vulnerability_db)


@pytest.fixture
def ways(dagger_engine: DaggerEngineProcess, dagger_tools: DaggerTools) -> dict[str, Way]:
    env = dagger_engine.env()
    inside = (
        str(dagger_tools.cli),
        "--silent",
        "run",
        "--",
    )  # else it takes our --progress for its own
    return {
        "local": Way(engine="local", prefix=(), env={}),
        "dagger": Way(engine="dagger", prefix=ALONE, env=env),
        "dagger run": Way(engine="auto", prefix=(*ALONE, *inside), env=env),
    }


@pytest.fixture
def pinned(examples: Path, base_image: BaseImage, tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy of an example in a folder of its own, whose lock has the base image."""

    def copy(name: str, place: str) -> Path:
        folder = Path(shutil.copytree(examples / name, tmp_path / place / name))
        archive = f"oci-archive:{base_image.archive}"
        run_miniseal("lock", folder, "--base-image", archive).ok()
        return folder

    return copy


def provenance(layout: Path, package: str) -> dict[str, Any]:
    (found,) = [each for each in attached(layout, package) if each.kind == PROVENANCE]
    predicate: dict[str, Any] = found.statement["predicate"]
    return predicate


RELEASES = [
    ("local", "greeting", "one"),  # of the others test_reproducible.py tells
    *(("dagger", name, "one") for name in NAMES),
    *(("dagger run", name, "another/and/deeper") for name in NAMES),
]


@pytest.mark.parametrize(("way", "name", "place"), RELEASES)
def test_an_example_has_the_same_digests_everywhere(
    ways: dict[str, Way],
    way: str,
    name: str,
    place: str,
    pinned: Callable[[str, str], Path],
    publisher: Publisher,
    base_image: BaseImage,
    tmp_path: Path,
) -> None:
    project = pinned(name, place)

    run = ways[way].release(publisher, project, tmp_path / place / "registry", base_image)

    assert run.exit_code == 0, run.stderr[-3000:]
    result = run.ok()
    assert {kind: result[kind] for kind in KINDS} == golden(ROOT)[name]


def test_provenance_says_where_a_package_was_built(
    ways: dict[str, Way],
    pinned: Callable[[str, str], Path],
    publisher: Publisher,
    base_image: BaseImage,
    tmp_path: Path,
) -> None:
    project, layout = pinned("greeting", "one"), tmp_path / "registry"

    result = ways["dagger"].release(publisher, project, layout, base_image).ok()

    said = provenance(layout, result["package"])["buildDefinition"]
    assert said["internalParameters"] == {
        "engine": {"name": "dagger", "version": "v0.21.8"},
        "isolation": "container-without-network",
        "network": False,
    }
    hexadecimal = base_image.digest.removeprefix("sha256:")
    digests = [each.get("digest", {}).get("sha256") for each in said["resolvedDependencies"]]
    assert hexadecimal in digests


@pytest.mark.parametrize("way", ["dagger", "dagger run"])
def test_exit_codes_are_ours(
    ways: dict[str, Way],
    way: str,
    pinned: Callable[[str, str], Path],
    publisher: Publisher,
    base_image: BaseImage,
    tmp_path: Path,
) -> None:
    project = pinned("greeting", "one")
    settings = project / "miniseal.toml"
    text = settings.read_text()
    settings.write_text(text.replace("expect = [5]", "expect = [6]"))

    run = ways[way].release(publisher, project, tmp_path / "registry", base_image)

    run.refused("tests-failed")
    assert not (tmp_path / "registry").exists()


def test_what_dagger_run_passes_on_is_one_json_object(
    dagger_engine: DaggerEngineProcess, dagger_tools: DaggerTools
) -> None:
    done = subprocess.run(
        [dagger_tools.cli, "run", sys.executable, "-m", "miniseal.cli", "list", "--json"],
        env={"PATH": "/usr/bin:/bin", **dagger_engine.env()},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage"


def test_a_warm_release_on_dagger_opens_no_session(
    pinned: Callable[[str, str], Path],
    publisher: Publisher,
    ways: dict[str, Way],
    base_image: BaseImage,
    tmp_path: Path,
) -> None:
    project, layout = pinned("greeting", "one"), tmp_path / "registry"
    cache = {"MINISEAL_STEP_CACHE": str(tmp_path / "steps")}
    way = ways["dagger"]
    words = ("--engine", "dagger", "--base-image", base_image.archive)
    publisher.release(project, layout, *words, prefix=way.prefix, env={**way.env, **cache}).ok()

    # no engine, and no command line that could start one
    run = publisher.release(project, layout, *words, env={**cache, "PATH": "/usr/bin:/bin"})

    assert run.ok()["unchanged"] is True
