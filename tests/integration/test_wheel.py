"""What the wheel holds, and what it does in an environment with nothing else."""

import json
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from kit.wheel import ROOT, Environment, hatch, install

PARTS = sorted(folder.parent.name for folder in ROOT.glob("*/miniseal"))
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
ELSEWHERE = {"LC_ALL": "C", "PYTHONHASHSEED": "7", "TZ": "Asia/Kathmandu"}

IMPORTS = """
import importlib, importlib.util
for name in ("attestations", "formats.bundle", "formats.config", "formats.oci", "formats.ustar",
             "formats.wasm.inspect", "packager", "registry", "verifier", "verifier.host.admit"):
    importlib.import_module("miniseal." + name)
assert importlib.util.find_spec("click") is None
assert importlib.util.find_spec("securesystemslib") is None
"""
HOST = """
import json, sys, time
from miniseal.registry import open_store
from miniseal.verifier import Policy, Verifier, verify
app_id, registry, policy, state = sys.argv[1:]
store = open_store(registry)
tag = next(name for name in store.tags() if name[-1].isdigit())
verdict = verify(app_id, store, tag, Policy.load(policy), now=time.time())
verifier = Verifier.open(policy, state=state)
verifier.install(app_id, store, tag)
program = verifier.load(app_id)
assert program.package == verdict.package.digest
print(json.dumps([program.wasm[:4].hex(), sorted(program.assets)]))
"""
HELP = """
import contextlib, io, json
from miniseal.cli.main import cli, main
ended = {}
def walk(command, path):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        code = main([*path, "--help"])
    ended[" ".join(path)] = [code, shown.getvalue()]
    for name in getattr(command, "list_commands", lambda _: [])(None):
        walk(command.get_command(None, name), [*path, name])
walk(cli, [])
print(json.dumps(ended))
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheel")


@pytest.fixture(scope="module")
def wheel(scratch: Path) -> Path:
    return hatch("wheel", ROOT, scratch / "wheel")


@pytest.fixture(scope="module")
def sdist(scratch: Path) -> Path:
    return hatch("sdist", ROOT, scratch / "sdist")


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def installed(scratch: Path, wheel: Path) -> Callable[[str], Environment]:
    """The wheel in an environment of its own, with these extras: `installed("[all]")`."""

    @cache
    def once(extras: str) -> Environment:
        return install(wheel, extras, scratch / f"environment{extras}")

    return once


@pytest.mark.parametrize("epoch", [{}, EPOCH], ids=["no epoch", "epoch"])
def test_the_wheel_is_the_same_bytes_each_time(tmp_path: Path, epoch: dict[str, str]) -> None:
    one = hatch("wheel", ROOT, tmp_path / "one", epoch)
    other = hatch("wheel", ROOT, tmp_path / "other", {**ELSEWHERE, **epoch})

    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


def test_the_wheel_made_from_the_sdist_is_the_same(
    tmp_path: Path, sdist: Path, wheel: Path
) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()

    again = hatch("wheel", source, tmp_path / "again")

    assert again.read_bytes() == wheel.read_bytes()


def test_the_sdist_holds_what_it_takes_to_test_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    needed = {"LICENSE", "Makefile", "README.md", "pyproject.toml", "requirements/dev.txt"}
    assert needed <= names
    assert {name.partition("/")[0] for name in names} >= {*PARTS, "docs", "examples", "tests"}
    assert not [name for name in names if name.startswith((".git/", ".venv", "demo"))]


def test_the_wheel_holds_every_module_of_the_parts(contents: dict[str, bytes]) -> None:
    modules = {
        path.relative_to(ROOT / part).as_posix(): path.read_bytes()
        for part in PARTS
        for path in (ROOT / part).glob("miniseal/**/*.py")
    }

    found = {name: data for name, data in contents.items() if name.endswith(".py")}
    assert found == modules


def test_the_wheel_leaves_the_namespace_open(contents: dict[str, bytes]) -> None:
    assert "miniseal/__init__.py" not in contents
    assert {name.split("/")[1] for name in contents if name.startswith("miniseal/")} == {*PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_the_wheel_says_that_a_part_is_typed(contents: dict[str, bytes], part: str) -> None:
    assert contents[f"miniseal/{part}/py.typed"] == b""


@pytest.mark.parametrize(
    "name",
    [
        "miniseal/packager/pins.toml",
        "miniseal/packager/wasi.py",
        "miniseal/pipeline/engines/jail.py",
        "miniseal/pipeline/steps/wasm_calls.py",
        *(
            path.relative_to(ROOT / part).as_posix()
            for part, folder in (("cli", "templates"), ("pipeline", "report/templates"))
            for path in (ROOT / part / "miniseal" / part / folder).rglob("*")
            if path.is_file()
        ),
    ],
)
def test_the_wheel_holds_a_file_that_is_read_at_run_time(
    contents: dict[str, bytes], name: str
) -> None:
    assert contents[name]


def test_the_wheel_holds_the_licence(contents: dict[str, bytes]) -> None:
    licences = [name for name in contents if name.endswith(".dist-info/licenses/LICENSE")]

    assert [contents[name] for name in licences] == [(ROOT / "LICENSE").read_bytes()]


def test_without_extras_the_parts_for_hosts_are_importable(
    installed: Callable[[str], Environment],
) -> None:
    installed("").python(IMPORTS)


def test_without_extras_a_host_verifies_installs_and_loads(
    installed: Callable[[str], Environment], released: Path, tmp_path: Path
) -> None:
    printed = installed("").python(
        HOST,
        "com.example.greeting",
        f"oci:{released / 'registry-greeting'}",
        released / "policy-greeting" / "policy.toml",
        tmp_path / "state",
    )

    magic, assets = json.loads(printed)
    assert magic == b"\0asm".hex()
    assert "assets/languages.txt" in assets


def test_without_extras_the_program_says_which_one_it_needs(
    installed: Callable[[str], Environment],
) -> None:
    assert "the extra `cli`" in installed("").refused("--help")


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("release", ".", "--to", "oci:store", "--key", "publisher.key"), "pipeline"),
        (("build", ".", "-o", "oci:store"), "pipeline"),
        (("sign", "oci:store:1.0.0", "--keyless"), "keyless"),
    ],
    ids=["release", "build", "sign"],
)
def test_with_the_extra_cli_a_command_says_which_other_one_it_needs(
    installed: Callable[[str], Environment], words: tuple[str, ...], extra: str
) -> None:
    done = installed("[cli]").run("miniseal", *words, "--json")

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "extra-missing")
    assert f"miniseal[{extra}]" in error["hint"]


@pytest.mark.parametrize("extras", ["[cli]", "[all]"])
def test_every_command_has_help(installed: Callable[[str], Environment], extras: str) -> None:
    ended = json.loads(installed(extras).python(HELP))

    commands = {path.stem for path in (ROOT / "cli/miniseal/cli/commands").glob("[a-z]*.py")}
    assert {path.split()[0] for path in ended if path} == commands
    broken = [path for path, (code, text) in ended.items() if code or "Usage: miniseal" not in text]
    assert broken == []


def test_the_program_says_its_version(installed: Callable[[str], Environment], wheel: Path) -> None:
    said = installed("[all]").run("miniseal", "--version").stdout

    assert said.split()[-1] == wheel.name.split("-")[1]


def test_with_all_extras_a_new_program_is_built(
    installed: Callable[[str], Environment], tmp_path: Path
) -> None:
    environment = installed("[all]")
    project = tmp_path / "hello"

    made = environment.run("miniseal", "init", project, "--toolchain", "wat", "--json")
    built = environment.run("miniseal", "build", project, "-o", f"oci:{tmp_path / 'r'}", "--json")

    assert json.loads(made.stdout)["ok"], made.stderr
    assert json.loads(built.stdout)["ok"], built.stderr
