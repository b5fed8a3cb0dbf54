import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.digest import sha256
from miniseal.formats.errors import EnvironmentalError, MinisealError, UsageError
from miniseal.packager import Tree


def write(root: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def refused(root: Path, code: str) -> MinisealError:
    with pytest.raises(MinisealError) as error:
        Tree.scan(root)

    assert error.value.code == code
    return error.value


def test_lists_files_sorted_by_bytes_with_digest_and_size(tmp_path: Path) -> None:
    tree = Tree.scan(write(tmp_path, {"b/a": b"1", "b.c": b"22", "Z": b""}))

    assert [(file.path, file.digest, file.size) for file in tree.files] == [
        ("Z", sha256(b""), 0),
        ("b.c", sha256(b"22"), 2),
        ("b/a", sha256(b"1"), 1),
    ]


def test_digest_does_not_depend_on_place_time_mode_or_order(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"a": b"1", "d/b": b"2"})
    second = write(tmp_path / "elsewhere" / "second", {"d/b": b"2", "a": b"1"})
    (second / "a").chmod(0o700)
    os.utime(second / "d" / "b", (0, 0))
    (second / "empty").mkdir()

    assert Tree.scan(first).digest == Tree.scan(second).digest


@pytest.mark.parametrize(
    "files", [{"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b""}, {"a/a": b"1"}, {}], ids=repr
)
def test_digest_depends_on_names_and_content(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "second").mkdir()
    first = write(tmp_path / "first", {"a": b"1"})
    second = write(tmp_path / "second", files)

    assert Tree.scan(first).digest != Tree.scan(second).digest


@pytest.mark.parametrize(
    "path",
    [
        *(".git/HEAD", "node_modules/x/a.js", "src/node_modules/a.js", "src/__pycache__/a.pyc"),
        *("build/app.wasm", "dist/a", "target/a", ".venv/bin/python"),
    ],
)
def test_leaves_out(tmp_path: Path, path: str) -> None:
    tree = Tree.scan(write(tmp_path, {"a": b"", path: b""}))

    assert [file.path for file in tree.files] == ["a"]


def test_leaves_out_an_oci_layout_below_the_root(tmp_path: Path) -> None:
    files = {"a": b"", "registry/oci-layout": b"{}", "registry/index.json": b"{}"}

    assert [file.path for file in Tree.scan(write(tmp_path, files)).files] == ["a"]


def test_keeps_folders_called_build_below_the_top_and_hidden_files(tmp_path: Path) -> None:
    files = {"assets/build/a": b"", ".env": b"SECRET=1"}

    assert len(Tree.scan(write(tmp_path, files)).files) == 2


def test_follows_a_link_to_a_file_inside(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"1"})
    (tmp_path / "b").symlink_to("a")

    assert [file.digest for file in Tree.scan(tmp_path).files] == [sha256(b"1")] * 2


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "d/../../outside"])
def test_refuses_a_link_that_leads_out(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"outside": b"", "root/d/a": b""})
    (tmp_path / "root" / "link").symlink_to(target)

    assert isinstance(refused(tmp_path / "root", "path-escapes"), UsageError)


@pytest.mark.parametrize(
    "target", [".git/HEAD", "build/out", "d/node_modules/a", "d/layout/b", "d/../.venv/a"]
)
def test_refuses_a_link_to_what_is_not_part_of_the_tree(tmp_path: Path, target: str) -> None:
    """Of such files git says nothing, so that a commit would be said of what is not in it."""
    write(tmp_path, {"d/a": b"", "d/layout/oci-layout": b"", ".venv/a": b""})
    write(tmp_path, {target: b"1"})
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "second").symlink_to("link")

    refused(tmp_path, "path-refused")


def test_refuses_a_link_to_a_folder_outside(tmp_path: Path) -> None:
    write(tmp_path, {"outside/a": b"", "root/a": b""})
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")

    refused(tmp_path / "root", "path-escapes")


def test_refuses_a_link_to_a_folder_inside(tmp_path: Path) -> None:
    write(tmp_path, {"d/a": b""})
    (tmp_path / "link").symlink_to("d")

    refused(tmp_path, "path-refused")


@pytest.mark.parametrize("target", ["link", "nowhere"])
def test_refuses_a_link_that_leads_nowhere(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(target)

    refused(tmp_path, "project-unreadable")


def test_refuses_a_pipe_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert isinstance(refused(tmp_path, "path-refused"), UsageError)


def test_refuses_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")

        refused(tmp_path, "path-refused")


@pytest.mark.parametrize(
    "name", [b"bad\xff", "cafe\u0301".encode(), b"a\\b", b"a\nb", b"a\x7fb", "\u0085".encode()]
)
def test_refuses_the_name(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_bytes(b"")

    refused(tmp_path, "path-refused")


@pytest.mark.parametrize(
    ("first", "second"), [("a", "A"), ("d/x", "D/y"), ("stra\u00dfe", "STRASSE")]
)
def test_refuses_names_equal_but_for_case(tmp_path: Path, first: str, second: str) -> None:
    write(tmp_path, {first: b"", second: b""})

    refused(tmp_path, "path-refused")


def test_refuses_a_sparse_gigabyte_by_its_size_alone(tmp_path: Path) -> None:
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(1 << 30)
    start = time.perf_counter()

    error = refused(tmp_path, "project-too-large")

    assert isinstance(error, UsageError)
    assert time.perf_counter() - start < 0.5


def test_refuses_many_files_and_many_folders(tmp_path: Path) -> None:
    write(tmp_path / "files", {str(number): b"" for number in range(4)})
    for number in range(4):
        (tmp_path / "folders" / str(number)).mkdir(parents=True)

    for root in (tmp_path / "files", tmp_path / "folders"):
        assert len(Tree.scan(root, most=4).files) in (0, 4)
        with pytest.raises(UsageError) as error:
            Tree.scan(root, most=3)

        assert error.value.code == "project-too-large"


def test_refuses_deep_folders(tmp_path: Path) -> None:
    tmp_path.joinpath(*["d"] * 70).mkdir(parents=True)

    refused(tmp_path, "path-refused")


def test_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "project-unreadable")


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder to work in for a user who is not root; root reads everything."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield root
    os.seteuid(user)
    shutil.rmtree(root)


@pytest.mark.parametrize("path", ["secret", "d"])
def test_refuses_what_it_cannot_read(as_nobody: Path, path: str) -> None:
    write(as_nobody, {"secret": b"1", "d/a": b""})
    (as_nobody / path).chmod(0)

    error = refused(as_nobody, "project-unreadable")

    assert isinstance(error, EnvironmentalError)
    (as_nobody / path).chmod(0o700)


def test_reads_what_was_scanned(tmp_path: Path) -> None:
    tree = Tree.scan(write(tmp_path, {"d/a": b"1"}))

    assert tree.read("d/a") == b"1"
    assert "d/a" in tree
    assert "d" not in tree


@pytest.mark.parametrize("content", [b"2", b"", b"11"])
def test_refuses_to_read_what_changed_since(tmp_path: Path, content: bytes) -> None:
    tree = Tree.scan(write(tmp_path, {"a": b"1"}))
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(EnvironmentalError) as error:
        tree.read("a")

    assert error.value.code == "project-changed"


def test_refuses_to_read_a_pipe_put_in_a_files_place(tmp_path: Path) -> None:
    tree = Tree.scan(write(tmp_path, {"a": b"1"}))
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")

    with pytest.raises(EnvironmentalError) as error:
        tree.read("a")

    assert error.value.code == "project-changed"


def test_refuses_to_read_what_is_not_in_the_tree(tmp_path: Path) -> None:
    tree = Tree.scan(write(tmp_path, {"a": b"1", ".git/config": b""}))
    for path in (".git/config", "../a", "/etc/hostname"):
        with pytest.raises(UsageError) as error:
            tree.read(path)

        assert error.value.code == "path-refused"


def test_copies_to_an_equal_tree(tmp_path: Path) -> None:
    tree = Tree.scan(write(tmp_path / "first", {"a": b"1", "d/b": b"2", ".git/x": b""}))
    tree.copy(tmp_path / "second")

    assert Tree.scan(tmp_path / "second").digest == tree.digest
    assert not (tmp_path / "second" / ".git").exists()


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(
            lambda name: "/" not in name and "\0" not in name and name not in (".", "..")
        ),
        st.binary(max_size=4),
        max_size=4,
    )
)
def test_any_folder_ends_in_a_tree_or_in_a_refusal(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            try:
                Path(folder, name).write_bytes(content)
            except (OSError, UnicodeEncodeError):
                return  # a name that this file system cannot hold
        try:
            tree = Tree.scan(Path(folder))
        except MinisealError as error:
            assert error.code == "path-refused"  # noqa: PT017 - either end is right
        else:
            assert all(tree.read(file.path) == files[file.path] for file in tree.files)
