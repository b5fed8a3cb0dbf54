"""Projects that somebody made to break the build: one error with its code, and nothing written."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.hostile import bounded, call_miniseal, dropped, listing, manifest_bytes, project_at, within

Change = Callable[[Path], object]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    return project_at(tmp_path / "project")


def write(name: str, data: bytes) -> Change:
    return lambda project: (project / name).write_bytes(data)


def edit(name: str, old: str, new: str) -> Change:
    def change(project: Path) -> None:
        text = (project / name).read_text()
        assert old in text
        (project / name).write_text(text.replace(old, new, 1))

    return change


def remove(name: str) -> Change:
    return lambda project: (project / name).unlink()


def link(name: str, target: str) -> Change:
    def change(project: Path) -> None:
        (project / name).unlink(missing_ok=True)
        (project / name).symlink_to(target)

    return change


def pipe(name: str) -> Change:
    def change(project: Path) -> None:
        (project / name).unlink(missing_ok=True)
        os.mkfifo(project / name)

    return change


def sparse(name: str, size: int) -> Change:
    def change(project: Path) -> None:
        with (project / name).open("wb") as file:
            file.truncate(size)

    return change


def listen(name: str) -> Change:
    def change(project: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(project)  # a socket's path is short
            listener.bind(name)
            os.chdir(here)

    return change


def deep(levels: int) -> Change:
    return lambda project: (project / "/".join("d" * levels)).mkdir(parents=True)


def refused(project: Path, code: str, exit_code: int, *, prefix: tuple[str, ...] = ()) -> str:
    """Build a project that has to be refused; gives the message."""
    root = project.parent
    before = listing(root)
    with bounded(20):
        words = ("build", project, "-o", f"oci:{root / 'out'}")
        run = run_miniseal(*words, prefix=prefix) if prefix else call_miniseal(*words)
    error = run.refused(code, exit_code)
    assert listing(root) == before
    return str(error["message"])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"\0" * 100, id="zeros"),
        pytest.param(b"\xff\xfe{\0}\0", id="utf-16"),
        pytest.param(b"\xef\xbb\xbf" + manifest_bytes(), id="byte-order-mark"),
        pytest.param(manifest_bytes() + b"{}", id="two-documents"),
        pytest.param(b'{"app_id": "a.b", "app_id": "a.c"}', id="duplicate-key"),
        pytest.param(b"[" * 200_000, id="deep"),
        pytest.param(b'{"a":' * 50_000, id="deep-objects"),
        pytest.param(b'{"a":' + b"9" * 400_000 + b"}", id="integer-of-400000-digits"),
        pytest.param(manifest_bytes(version={"code": 2**53, "name": "1.0.0"}), id="2-to-the-53"),
        pytest.param(manifest_bytes(version={"code": True, "name": "1.0.0"}), id="true-as-code"),
        pytest.param(manifest_bytes(version={"code": 1, "name": "../../x"}), id="tag-escapes"),
        pytest.param(manifest_bytes(version={"code": 1, "name": "1.0.0-wasm"}), id="reserved-tag"),
        pytest.param(b'{"a": NaN}', id="nan"),
        pytest.param(manifest_bytes(name="x\x1b[2J"), id="escape-in-name"),
        pytest.param(manifest_bytes(name="x\u202egnp.exe"), id="right-to-left"),
        pytest.param(b'{"name": "\\ud800"}', id="lone-surrogate"),
        pytest.param(manifest_bytes(app_id="../../etc"), id="app-id-escapes"),
        pytest.param(manifest_bytes(app_id="com.exämple"), id="app-id-not-ascii"),
        pytest.param(manifest_bytes(extra=1), id="unknown-member"),
        pytest.param(manifest_bytes(miniseal={"format": 1}), id="our-own-member"),
        pytest.param(b" " * 600_000 + manifest_bytes(), id="over-the-limit"),
    ],
)
def test_a_hostile_manifest(hostile: Path, data: bytes) -> None:
    (hostile / "manifest.json").write_bytes(data)

    refused(hostile, "manifest-invalid", 2)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(write("miniseal.toml", b""), id="empty"),
        pytest.param(write("miniseal.toml", b"\0"), id="zero"),
        pytest.param(write("miniseal.toml", b"\xff"), id="not-utf-8"),
        pytest.param(write("miniseal.toml", b"\xef\xbb\xbf[build]"), id="byte-order-mark"),
        pytest.param(write("miniseal.toml", b"a = " + b"[\n" * 50_000), id="deep"),
        pytest.param(write("miniseal.toml", b"a." * 100_000 + b"b = 1"), id="dotted"),
        pytest.param(write("miniseal.toml", b"#" * 300_000), id="over-the-limit"),
        pytest.param(edit("miniseal.toml", "[build]", "[build]\n[build]"), id="duplicate-table"),
        pytest.param(edit("miniseal.toml", "[build]", "[build]\nx = 1"), id="unknown-member"),
        pytest.param(edit("miniseal.toml", "[build]", "[builds]\n[build]"), id="unknown-table"),
        pytest.param(edit("miniseal.toml", "prebuilt", "make"), id="unknown-toolchain"),
        pytest.param(
            edit("miniseal.toml", "[build]", "[limits]\nfuel = 0x" + "f" * 4000 + "\n[build]"),
            id="integer-of-16000-bits",
        ),
        pytest.param(
            edit("miniseal.toml", "[build]", "[limits]\nfuel = nan\n[build]"), id="not-a-number"
        ),
        pytest.param(edit("miniseal.toml", "[build]", "[build]\nargs = [1979-05-27]"), id="a-date"),
        pytest.param(
            edit("miniseal.toml", "[build]", "[permissions]\ncamera = []\n[build]"),
            id="permission-not-asked-for",
        ),
        pytest.param(
            edit("miniseal.toml", "[build]", '[network]\nallowed_hosts = ["*"]\n[build]'),
            id="any-host",
        ),
        pytest.param(remove("miniseal.toml"), id="none"),
        pytest.param(remove("manifest.json"), id="no-manifest"),
        pytest.param(remove("app.wasm"), id="no-entry"),
    ],
)
def test_hostile_settings(hostile: Path, change: Change) -> None:
    change(hostile)

    refused(hostile, "project-invalid", 2)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(remove("miniseal.lock"), id="none"),
        pytest.param(write("miniseal.lock", b""), id="empty"),
        pytest.param(edit("miniseal.lock", "version = 1", "version = 2"), id="another-version"),
        pytest.param(
            edit("miniseal.lock", "version = 1", "version = 0x" + "f" * 4000),
            id="integer-of-16000-bits",
        ),
        pytest.param(edit("miniseal.lock", '"sha256:', '"md5:'), id="weak-hash"),
        pytest.param(edit("miniseal.lock", 'name = "', 'name = "--index-url='), id="option"),
        pytest.param(edit("miniseal.lock", 'name = "', 'name = "../'), id="name-escapes"),
        pytest.param(
            edit("miniseal.lock", 'source = "pypi"', 'source = "http://evil.example"'), id="source"
        ),
        pytest.param(edit("miniseal.lock", "[scanner]", "[scanners]"), id="no-scanner"),
    ],
)
def test_an_edited_lock(hostile: Path, change: Change) -> None:
    change(hostile)

    refused(hostile, "lock-invalid", 2)


def test_a_lock_that_lacks_the_toolchain_of_the_project(project: Callable[[str], Path]) -> None:
    greeting = project("greeting")
    edit("miniseal.lock", 'name = "wasmtime"', 'name = "another"')(greeting)

    refused(greeting, "lock-invalid", 2)


def test_a_lock_with_hashes_that_nothing_has(
    project: Callable[[str], Path], tmp_path: Path
) -> None:
    greeting = project("greeting")
    lock = greeting / "miniseal.lock"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock.read_text()))

    run = call_miniseal("build", greeting, "-o", f"oci:{tmp_path / 'out'}")

    run.refused("fetch-failed", 2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(link("manifest.json", "/etc/hostname"), "path-escapes", id="manifest-link"),
        pytest.param(link("app.wasm", "../../secret"), "project-unreadable", id="dangling-link"),
        pytest.param(link("assets/etc", "/etc"), "path-escapes", id="folder-link"),
        pytest.param(link("assets/up", "../.."), "path-escapes", id="link-to-the-parent"),
        pytest.param(link("assets/loop", "loop"), "project-unreadable", id="loop"),
        pytest.param(pipe("manifest.json"), "path-refused", id="manifest-pipe"),
        pytest.param(pipe("miniseal.toml"), "path-refused", id="settings-pipe"),
        pytest.param(pipe("miniseal.lock"), "path-refused", id="lock-pipe"),
        pytest.param(pipe("app.wasm"), "path-refused", id="entry-pipe"),
        pytest.param(pipe("assets/words.json"), "path-refused", id="asset-pipe"),
        pytest.param(listen("assets/socket"), "path-refused", id="socket"),
        pytest.param(write("assets/WORDS.json", b"{}"), "path-refused", id="casefold"),
        pytest.param(write("Assets", b""), "path-refused", id="casefold-of-a-folder"),
        pytest.param(write("assets/a\\b", b""), "path-refused", id="backslash"),
        pytest.param(write("assets/a\nb", b""), "path-refused", id="line-end"),
        pytest.param(write("assets/e\u0301", b""), "path-refused", id="not-nfc"),
        pytest.param(
            lambda project: (project / os.fsdecode(b"assets/\xff")).touch(),
            "path-refused",
            id="name-not-utf-8",
        ),
        pytest.param(deep(100), "path-refused", id="deep"),
        pytest.param(
            edit("miniseal.toml", '"app.wasm"', '"../app.wasm"'), "path-escapes", id="entry-escapes"
        ),
        pytest.param(
            edit("miniseal.toml", '"app.wasm"', '"/etc/hostname"'), "path-escapes", id="absolute"
        ),
        pytest.param(
            edit("miniseal.toml", "[build]", '[assets]\ninclude = ["../**"]\n[build]'),
            "path-escapes",
            id="assets-escape",
        ),
    ],
)
def test_a_hostile_tree(hostile: Path, change: Change, code: str) -> None:
    change(hostile)

    refused(hostile, code, 2)


@pytest.mark.parametrize(
    "name", ["manifest.json", "miniseal.toml", "app.wasm", "assets/words.json"]
)
def test_a_gigabyte_of_zeros_is_refused_unread(hostile: Path, name: str) -> None:
    sparse(name, 1 << 30)(hostile)

    refused(hostile, "project-too-large", 2, prefix=within(768))


def test_a_manifest_just_within_the_bound_of_the_tree_is_refused(hostile: Path) -> None:
    sparse("manifest.json", 200 << 20)(hostile)

    refused(hostile, "manifest-invalid", 2, prefix=within(1536))


def test_too_many_files_are_refused(hostile: Path) -> None:
    for number in range(20_001):
        (hostile / "assets" / str(number)).touch()

    refused(hostile, "project-too-large", 2)


@pytest.mark.parametrize("name", ["manifest.json", "app.wasm", "assets"])
def test_what_cannot_be_read_is_named(hostile: Path, name: str) -> None:
    (hostile / name).chmod(0)

    run = run_miniseal("build", hostile, "-o", f"oci:{hostile.parent / 'out'}", prefix=dropped())

    error = run.refused("project-unreadable", 2)
    assert name in str(error["found"])
    (hostile / name).chmod(0o755)


@pytest.mark.parametrize("place", ["nothing", "file", "loop", "x" * 300])
def test_a_project_that_is_no_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")

    refused(tmp_path / place, "project-unreadable", 2)


@pytest.mark.parametrize(
    ("reference", "code", "exit_code"),
    [
        ("", "reference-malformed", 2),
        ("oci:", "reference-malformed", 2),
        ("oci:a:b:c", "reference-malformed", 2),
        ("docker://x", "reference-malformed", 2),
        ("oci:out@sha256:12", "reference-malformed", 2),
        ("127.0.0.1:9/a/b", "registry-unreachable", 2),
        ("oci-archive:manifest.json", "tar-malformed", 1),
        ("oci-archive:.", "tar-malformed", 1),
        ("oci-archive:/proc/x", "storage-failed", 2),
        ("oci:/dev/null/x", "layout-malformed", 1),
        ("oci:manifest.json", "layout-malformed", 1),
        ("oci:.", "layout-malformed", 1),
        ("oci:" + "x" * 300, "storage-failed", 2),
        ("oci:/proc/x", "storage-failed", 2),
    ],
)
def test_output_that_cannot_be(
    hostile: Path, reference: str, code: str, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listing(hostile)
    monkeypatch.chdir(hostile)

    run = call_miniseal("build", ".", "-o", reference)

    run.refused(code, exit_code)
    assert listing(hostile) == before


def test_init_leaves_a_folder_that_is_not_empty_alone(hostile: Path) -> None:
    before = listing(hostile)

    run = call_miniseal("init", hostile, "--toolchain", "wat")

    run.refused("file-unusable", 2)
    assert listing(hostile) == before


def test_init_with_a_name_too_long_for_the_disk(tmp_path: Path) -> None:
    run = call_miniseal("init", tmp_path / ("x" * 300), "--toolchain", "wat")

    run.refused("system-refused", 2)
    assert list(tmp_path.iterdir()) == []


def test_lock_does_not_wait_for_a_pipe(hostile: Path) -> None:
    pipe("miniseal.toml")(hostile)

    call_miniseal("lock", hostile).refused("file-unusable", 2)


def test_a_tool_cache_that_is_no_folder(project: Callable[[str], Path], tmp_path: Path) -> None:
    run = run_miniseal(
        *("build", project("greeting"), "-o", f"oci:{tmp_path / 'out'}"),
        env={"MINISEAL_CACHE": "/dev/null/cache"},
    )

    run.refused("fetch-failed", 2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("asset", "kind"),
    [
        (b"\0asm\x01\0\0\0", "wasm"),
        (b"#!/bin/sh\nrm -rf /\n", "script"),
        (b"<svg onload='alert(1)'/>", "html"),
    ],
)
def test_what_hides_among_the_assets_is_listed(hostile: Path, asset: bytes, kind: str) -> None:
    (hostile / "assets" / "words.json").write_bytes(asset)
    edit("miniseal.toml", "[build]", '[assets]\ninclude = ["assets/**"]\n[build]')(hostile)
    place = f"oci:{hostile.parent / 'out'}"

    package = call_miniseal("build", hostile, "-o", place).ok()["package"]

    config = call_miniseal("inspect", f"{place}@{package}").ok()["config"]
    listed = config["miniseal"]["assets"]["executable"]
    assert listed == [{"name": "assets/words.json", "kind": kind}]
