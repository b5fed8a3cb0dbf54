"""Toolchain `c`, with the compiler as it is fetched and the C library as it is made from it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.layouts import blob
from miniseal.cli.workshop import tool_cache
from miniseal.formats.wasm.inspect import inspect
from miniseal.packager import Lock, Project, lock_text
from miniseal.pipeline.engines.local import LocalEngine, works
from miniseal.pipeline.engines.sandbox import Isolation
from miniseal.pipeline.steps.build import build, rebuild
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.steps.test import test as run_tests
from miniseal.pipeline.tools.content import content_of

Make = Callable[..., Path]

MANIFEST = {
    "app_id": "com.example.trial",
    "name": "Trial",
    "version": {"code": 1, "name": "1.0.0"},
    "platform_version": {"min_code": 1},
}
SETTINGS = """[build]
toolchain = "c"
entry = "main.c"
args = [{args}]

[[test]]
call = "f"
args = [{given}]
expect = [{expect}]
"""
STARTS = """static int n;
__attribute__((constructor)) static void start(void) { n = 7; }
__attribute__((export_name("f"))) int f(void) { return n; }
"""
COUNTS = """#include <math.h>
int f(int x) { return (int)sqrt(x); }
"""
WRITES = """#include <stdio.h>
#include <stdlib.h>
__attribute__((export_name("f"))) int f(int n) {
    char *p = malloc(n), *q = calloc(n, 100);
    p[1] = q[1];
    return snprintf(p, n, "%s %.2f", "C", 1.5);
}
"""
RAISES = """#include <signal.h>
static int n;
static void handle(int signal) { n = signal; }
__attribute__((export_name("f"))) int f(int s) { signal(s, handle); raise(s); return n; }
"""
PRINTS = """#include <stdio.h>
__attribute__((export_name("f"))) void f(void) { puts("hello"); }
"""


@pytest.fixture(scope="module")
def tools() -> dict[str, Path]:
    """The compiler: fetched and made once for the user of this machine."""
    toolchain = Lock.from_toml(lock_text("c").encode()).toolchain
    return asyncio.run(tool_cache().fetch(toolchain))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project whose one source exports `f`."""

    def write(source: str, *, args: str = "", given: str = "", expect: str = "") -> Path:
        folder = tmp_path / "trial"
        folder.mkdir()
        (folder / "main.c").write_text(source)
        (folder / "manifest.json").write_text(json.dumps(MANIFEST))
        settings = SETTINGS.format(args=args, given=given, expect=expect)
        (folder / "miniseal.toml").write_text(settings)
        (folder / "miniseal.lock").write_text(lock_text("c"))
        return folder

    return write


def _wasm(project: Path, tools: dict[str, Path], isolation: Isolation | None, work: Path) -> bytes:
    """What the first build gives, when the rebuild has given the same."""

    async def twice() -> bytes:
        with LocalEngine(isolation) as engine:
            wasm = await build(resolved, tools, engine, work)
            assert await rebuild(resolved, tools, engine, wasm, work)
        return wasm

    loaded = Project.load(project)
    work.mkdir()
    resolved = Resolved(project=loaded, snapshot=project)
    return asyncio.run(twice())


def test_the_example_is_the_same_bytes_in_every_isolation_and_in_none(
    examples: Path, tools: dict[str, Path], tmp_path: Path
) -> None:
    kinds: tuple[Isolation, ...] = ("bwrap", "unshare")
    places: list[Isolation | None] = [None, *(kind for kind in kinds if works(kind))]

    built = {_wasm(examples / "valuta", tools, each, tmp_path / str(each)) for each in places}

    assert len(places) > 1
    assert len(built) == 1


def test_the_example_has_no_path_no_names_and_no_imports(
    examples: Path, tools: dict[str, Path], tmp_path: Path
) -> None:
    wasm = _wasm(examples / "valuta", tools, "unshare", tmp_path / "work")

    module = inspect(wasm)
    assert module.imports == ()
    assert {export.name for export in module.exports} == {
        *("_initialize", "memory", "settles", "text", "value_date", "write"),
    }
    for word in (b"/build", b"/tmp", b"src/", b"calendar", b"clang", b"zig"):
        assert word not in wasm


def test_a_build_sees_no_source_of_the_c_library_and_changes_nothing(
    examples: Path, tools: dict[str, Path], tmp_path: Path
) -> None:
    before = {name: content_of(path) for name, path in tools.items()}

    _wasm(examples / "valuta", tools, "unshare", tmp_path / "work")

    assert [*tools] == ["zig-wasi"]
    assert list(tools["zig-wasi"].rglob("*.[cS]")) == []
    assert {name: content_of(path) for name, path in tools.items()} == before


@pytest.mark.parametrize(
    ("source", "args", "given", "expect"),
    [
        (STARTS, "", "", "7"),
        (COUNTS, '"-lm", "-Wl,--export=f", "-O3", "-g"', "81", "9"),
        (WRITES, "", "20", "6"),
        (RAISES, '"-D_WASI_EMULATED_SIGNAL", "-lwasi-emulated-signal"', "15", "15"),
    ],
    ids=["constructor", "options", "library", "signal"],
)
def test_what_c_programs_do_works_and_is_the_same_twice(
    make: Make,
    tools: dict[str, Path],
    tmp_path: Path,
    source: str,
    args: str,
    given: str,
    expect: str,
) -> None:
    project = make(source, args=args, given=given, expect=expect)
    runner = asyncio.run(tool_cache().fetch(Project.load(project).lock.test))
    wasm = _wasm(project, tools, "unshare", tmp_path / "work")
    resolved = Resolved(project=Project.load(project), snapshot=project)

    with LocalEngine("unshare") as engine:
        passed = asyncio.run(run_tests(resolved, wasm, runner, engine, tmp_path / "work"))

    assert passed == 1


def test_a_program_that_asks_for_wasi_has_to_say_so(make: Make, tmp_path: Path) -> None:
    run = run_miniseal("build", make(PRINTS), "-o", f"oci:{tmp_path / 'out'}")

    assert "wasi_snapshot_preview1" in run.refused("import-undeclared")["found"]


def test_a_program_that_says_so_is_built_with_what_it_asks_for(make: Make, tmp_path: Path) -> None:
    project = make(PRINTS)
    asked = {"req_permissions": [{"name": "log", "reason": "says hello"}]}
    (project / "manifest.json").write_text(json.dumps({**MANIFEST, **asked}))
    with (project / "miniseal.toml").open("a") as file:
        file.write('\n[permissions]\nlog = ["wasi_snapshot_preview1"]\n')

    layout = tmp_path / "out"
    built = run_miniseal("build", project, "-o", f"oci:{layout}").ok()

    package = json.loads(blob(layout, built["package"]))
    assert b"wasi_snapshot_preview1" in blob(layout, package["config"]["digest"])


def test_an_error_of_the_source_shows_where_it_is(make: Make, tmp_path: Path) -> None:
    run = run_miniseal("build", make("int f(void) { give 1; }\n"), "-o", f"oci:{tmp_path / 'o'}")

    assert "./main.c:1:15: error" in run.refused("build-failed", exit_code=2)["found"]
