import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from miniseal.packager import TOOLCHAINS, Project
from unit.packager.sample import Make

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The installed wasmtime where a recipe looks for the fetched one."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "wasmtime").symlink_to(Path(wasmtime.__file__).parents[1])
    return folder


def run(project: Project, tools: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    recipe = project.recipe()
    assert recipe is not None
    project.tree.copy(folder / "src")
    (folder / "out").mkdir()
    placed = recipe.at(
        python=sys.executable, source=f"{folder}/src", tools=str(tools), out=f"{folder}/out"
    )
    return subprocess.run(
        placed.argv, cwd=folder / "src", env=placed.env, capture_output=True, text=True, check=False
    )


def test_the_table_goes_by_the_toolchains_own_names() -> None:
    assert sorted(TOOLCHAINS) == ["assemblyscript", "c", "command", "prebuilt", "wat"]
    assert all(name == toolchain.name for name, toolchain in TOOLCHAINS.items())


def test_wat_builds_the_greeting_and_its_calls_hold(tools: Path, tmp_path: Path) -> None:
    project = Project.load(EXAMPLES / "greeting")
    result = run(project, tools, tmp_path / "build")
    assert result.returncode == 0, result.stderr
    store = wasmtime.Store()
    module = wasmtime.Module.from_file(store.engine, str(tmp_path / "build/out/app.wasm"))
    linker = wasmtime.Linker(store.engine)
    linker.define_unknown_imports_as_traps(module)
    exports = linker.instantiate(store, module).exports(store)

    for call in project.settings.test:
        found = exports[call.call](store, *call.args)  # type: ignore[operator]  # a function

        assert (tuple(found) if isinstance(found, list) else (found,)) == call.expect


def test_wat_builds_the_same_bytes_in_two_folders(tools: Path, tmp_path: Path) -> None:
    project = Project.load(EXAMPLES / "greeting")
    for name in ("one", "two/deeper"):
        run(project, tools, tmp_path / name)

    assert (tmp_path / "one/out/app.wasm").read_bytes() == (
        tmp_path / "two/deeper/out/app.wasm"
    ).read_bytes()


def test_wat_says_where_the_source_is_wrong(make: Make, tools: Path, tmp_path: Path) -> None:
    project = Project.load(make({"src/app.wat": "(module (func $a) (func $a))"}))
    result = run(project, tools, tmp_path / "build")

    assert result.returncode == 1
    assert "app.wat" in result.stderr
    assert "Traceback" not in result.stderr


def test_wat_is_not_fooled_by_modules_of_the_project(
    make: Make, tools: Path, tmp_path: Path
) -> None:
    trap = "raise SystemExit('the project was imported')"
    project = Project.load(make({"wasmtime.py": trap, "ctypes.py": trap, "pathlib.py": trap}))
    result = run(project, tools, tmp_path / "build")

    assert result.returncode == 0, result.stderr
