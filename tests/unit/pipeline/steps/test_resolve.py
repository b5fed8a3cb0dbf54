import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from kit.engines import FakeEngine, answer, wait
from miniseal.packager import Project
from miniseal.pipeline.engines.engine import STREAM_LIMIT, Exec, Result
from miniseal.pipeline.steps.resolve import Origin, origin, resolve

EXAMPLES = Path(__file__).parents[4] / "examples"
COMMIT = "4995590a747d44110e4b695da28bdb97acb2ec2e"


def _origin(said: str, exit_code: int = 0) -> Origin:
    engine = FakeEngine(answer(exit_code, stdout=said.encode()))
    return wait(origin(Project.load(EXAMPLES / "greeting"), engine))


@pytest.mark.parametrize(
    ("said", "uri"),
    [
        ("https://github.com/acme/tip.git", "https://github.com/acme/tip"),
        ("https://user:token@github.com/acme/tip", "https://github.com/acme/tip"),
        ("ssh://git@host.example/acme/tip?x#y", "ssh://host.example/acme/tip"),
        ("git@github.com:acme/tip.git", None),
        ("file:///home/somebody/tip", None),
        ("/home/somebody/tip", None),
        ("", None),
    ],
)
def test_the_uri_is_the_remotes_without_credentials(said: str, uri: str | None) -> None:
    assert _origin(f"{said}\n{COMMIT}\n").uri == uri


def test_a_clean_tree_has_its_commit() -> None:
    assert _origin(f"\n{COMMIT}\n").commit == COMMIT


def test_a_tree_that_differs_from_the_commit_has_none() -> None:
    assert _origin(f"\n{COMMIT}\n M src/greeting.wat\n").commit is None


@pytest.mark.parametrize(
    "ignored", ["examples/greeting/", "examples/", "examples/greeting/manifest.json"]
)
def test_a_tree_with_a_file_that_git_ignores_has_no_commit(ignored: str) -> None:
    assert _origin(f"\n{COMMIT}\n!! {ignored}\n").commit is None


def test_what_git_cannot_write_plainly_may_be_of_the_tree() -> None:
    assert _origin(f'\n{COMMIT}\n!! "examples/greeting/a\\"b"\n').commit is None


def test_ignored_files_outside_the_tree_change_nothing() -> None:
    ignored = "!! examples/greeting/node_modules/\n!! examples/greeting/dist/\n"

    assert _origin(f"\n{COMMIT}\n{ignored}").commit == COMMIT


def test_no_name_of_a_folder_is_a_pattern_for_git(tmp_path: Path) -> None:
    """`:!*` would ask of all but everything, and so say that nothing was changed."""
    root = Path(shutil.copytree(EXAMPLES / "greeting", tmp_path / ":!*"))
    run = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True)
    run(["git", "init", "-q"])
    run(
        [
            "git",
            "-c",
            "user.name=a",
            "-c",
            "user.email=a",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "a",
        ]
    )

    def git(exec: Exec) -> Result:  # noqa: A002 - the word of the protocol
        found = run(exec.argv, env={"PATH": os.defpath, "HOME": str(tmp_path), **exec.env})
        return Result(exit_code=0, stdout=found.stdout, stderr=b"", outputs={})

    assert wait(origin(Project.load(root), FakeEngine(git))).commit is None


def test_an_answer_that_lost_its_start_is_none() -> None:
    found = _origin(f"https://h.example/a\n{COMMIT}\n".ljust(STREAM_LIMIT, "\n"))

    assert (found.uri, found.commit) == (None, None)


def test_no_git_means_no_commit() -> None:
    found = _origin("", exit_code=127)

    assert (found.uri, found.commit) == (None, None)


def test_the_snapshot_has_the_trees_files(tmp_path: Path) -> None:
    resolved = resolve(EXAMPLES / "greeting", tmp_path)

    files = {
        path.relative_to(resolved.snapshot).as_posix()
        for path in resolved.snapshot.rglob("*")
        if path.is_file()
    }
    assert files == {file.path for file in resolved.project.tree.files}


def test_provenance_names_the_tree_and_the_commit() -> None:
    project = Project.load(EXAMPLES / "greeting")

    source = _origin(f"https://h.example/a\n{COMMIT}\n").of(project)

    digest = project.tree.digest.removeprefix("sha256:")
    assert source.to_json() == {
        "uri": "https://h.example/a",
        "name": "source",
        "digest": {"sha256": digest, "gitCommit": COMMIT},
    }


def test_a_submodule_is_not_the_repository_around_it(tmp_path: Path) -> None:
    around = tmp_path / "around"
    (around / ".git").mkdir(parents=True)
    inside = Path(shutil.copytree(EXAMPLES / "greeting", around / "inside"))
    engine = FakeEngine(answer(stdout=f"https://h.example/around\n{COMMIT}\n".encode()))
    part_of_it = wait(origin(Project.load(inside), engine))
    (inside / ".git").write_text("gitdir: ../.git/modules/inside\n", encoding="ascii")

    of_its_own = wait(origin(Project.load(inside), engine))

    assert part_of_it.uri == "https://h.example/around"
    assert (of_its_own.uri, of_its_own.commit) == (None, None)


def test_a_tree_that_was_put_back_while_it_was_built_has_no_commit(tmp_path: Path) -> None:
    root = shutil.copytree(EXAMPLES / "greeting", tmp_path / "greeting")
    (tmp_path / ".git").mkdir()
    committed = (root / "src/greeting.wat").read_text()
    (root / "src/greeting.wat").write_text(f";; not committed\n{committed}")
    project = Project.load(root)
    (root / "src/greeting.wat").write_text(committed)
    engine = FakeEngine(answer(stdout=f"https://h.example/a\n{COMMIT}\n".encode()))

    assert wait(origin(project, engine)).commit is None
