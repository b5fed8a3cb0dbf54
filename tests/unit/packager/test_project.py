import json
import os
from pathlib import Path

import pytest

from kit.packages import vex
from miniseal.formats.errors import EnvironmentalError, MinisealError, UsageError
from miniseal.packager import Project, lock_text
from unit.packager.sample import SETTINGS, Make

EXAMPLES = Path(__file__).parents[3] / "examples"


def refused(root: Path, code: str) -> MinisealError:
    with pytest.raises(MinisealError) as error:
        Project.load(root)

    assert error.value.code == code
    return error.value


def test_loads_everything_a_build_depends_on(make: Make) -> None:
    project = Project.load(make())

    assert project.manifest.app_id == "com.acme.tip"
    assert project.settings.build.toolchain == "wat"
    assert project.assets == {"assets/a.txt": b"hello\n", "assets/more/b.json": b"{}\n"}
    assert project.toolchain.version == project.lock.tool("wasmtime").version
    assert project.toolchain.lock == project.lock.toolchain_digest


@pytest.mark.parametrize("name", ["manifest.json", "miniseal.toml"])
def test_refuses_a_project_without(make: Make, name: str) -> None:
    assert name in refused(make({name: None}), "project-invalid").message


def test_refuses_a_project_without_a_lock(make: Make) -> None:
    assert "miniseal lock" in str(refused(make({"miniseal.lock": None}), "lock-invalid").hint)


def test_refuses_a_lock_of_another_toolchain(make: Make) -> None:
    root = make({"miniseal.lock": lock_text("command")})

    assert refused(root, "lock-invalid").found == "wasmtime"


def test_refuses_a_pipe_in_the_place_of_a_file_of_its_own(make: Make) -> None:
    root = make({"miniseal.toml": None})
    os.mkfifo(root / "miniseal.toml")

    refused(root, "path-refused")


def test_refuses_settings_linked_from_outside(make: Make, tmp_path: Path) -> None:
    root = make({"miniseal.toml": None})
    (tmp_path / "other.toml").write_text(SETTINGS)
    (root / "miniseal.toml").symlink_to(tmp_path / "other.toml")

    refused(root, "path-escapes")


@pytest.mark.parametrize("entry", ["../app.wat", "/etc/hostname", "src/../../app.wat"])
def test_refuses_an_entry_that_leads_out(make: Make, entry: str) -> None:
    root = make({"miniseal.toml": SETTINGS.replace("src/app.wat", entry)})

    assert isinstance(refused(root, "path-escapes"), UsageError)


@pytest.mark.parametrize(
    "entry", ["src/none.wat", "src", "./src/app.wat", "src//app.wat", "src\\\\app.wat", "a\\u0000b"]
)
def test_refuses_an_entry_that_is_no_file_of_the_tree(make: Make, entry: str) -> None:
    refused(make({"miniseal.toml": SETTINGS.replace("src/app.wat", entry)}), "project-invalid")


def answering(path: str) -> str:
    """The settings with a VEX document."""
    return f'{SETTINGS}\n[scan]\nvex = ["{path}"]\n'


def test_reads_the_vex_documents_that_it_names(make: Make) -> None:
    root = make({"miniseal.toml": answering("vex/a.json"), "vex/a.json": json.dumps(vex()[1])})

    (document,) = Project.load(root).vex()

    assert document.to_json() == vex()[1]


def test_a_vex_document_named_twice_is_one(make: Make) -> None:
    twice = answering("a.json").replace('["a.json"]', '["a.json", "a.json"]')
    root = make({"miniseal.toml": twice, "a.json": json.dumps(vex()[1])})

    assert len(Project.load(root).vex()) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps(vex(status="harmless")[1])])
def test_refuses_what_is_no_vex_document(make: Make, text: str) -> None:
    root = make({"miniseal.toml": answering("vex.json"), "vex.json": text})

    assert "vex.json is not an OpenVEX document" in refused(root, "project-invalid").message


@pytest.mark.parametrize("path", ["none.json", "src", "./vex.json"])
def test_refuses_a_vex_document_that_is_not_there(make: Make, path: str) -> None:
    refused(make({"miniseal.toml": answering(path)}), "project-invalid")


def test_refuses_a_vex_document_from_outside(make: Make) -> None:
    refused(make({"miniseal.toml": answering("../vex.json")}), "path-escapes")


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "assets/../../*"])
def test_refuses_assets_that_lead_out(make: Make, pattern: str) -> None:
    refused(make({"miniseal.toml": SETTINGS.replace("assets/**", pattern)}), "path-escapes")


@pytest.mark.parametrize("pattern", ["none/**", "", "assets//a.txt", "./assets/**"])
def test_refuses_assets_that_match_nothing(make: Make, pattern: str) -> None:
    refused(make({"miniseal.toml": SETTINGS.replace("assets/**", pattern)}), "project-invalid")


def test_refuses_an_asset_whose_name_no_archive_holds(make: Make) -> None:
    refused(make({"assets/" + "x" * 120: b""}), "project-invalid")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("assets/*", ["assets/a.txt"]),
        ("assets/**", ["assets/a.txt", "assets/more/b.json"]),
        ("**/*.json", ["assets/more/b.json", "manifest.json"]),
        ("**/more/**", ["assets/more/b.json"]),
        ("assets/?.txt", ["assets/a.txt"]),
        ("assets/**/**/b.json", ["assets/more/b.json"]),
        ("assets/**/a.txt", ["assets/a.txt"]),
        ("assets/[ab].txt", ["assets/a.txt"]),
    ],
)
def test_include_globs_match_by_segment(make: Make, pattern: str, names: list[str]) -> None:
    project = Project.load(make({"miniseal.toml": SETTINGS.replace("assets/**", pattern)}))

    assert list(project.assets) == names


def test_a_glob_built_to_backtrack_takes_no_time(make: Make) -> None:
    pattern = "**/" * 200 + "x" + "*a" * 50
    root = make({"/".join(["assets", *["d"] * 40, "b"]): b""})
    root.joinpath("miniseal.toml").write_text(SETTINGS.replace("assets/**", pattern))

    refused(root, "project-invalid")


def test_refuses_a_map_for_a_permission_nobody_asked_for(make: Make) -> None:
    text = SETTINGS.replace("storage =", "camera =")

    assert refused(make({"miniseal.toml": text}), "project-invalid").found == "camera"


@pytest.mark.parametrize("name", ["greeting", "loan", "tip", "valuta"])
def test_examples_load_and_their_locks_are_what_ships(name: str) -> None:
    project = Project.load(EXAMPLES / name)

    assert project.lock.to_toml() == lock_text(project.settings.build.toolchain)
    assert project.settings.test


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert isinstance(refused(tmp_path / "x", "project-unreadable"), EnvironmentalError)
