import socket
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines import Exec, outputs
from miniseal.pipeline.engines.sandbox import Step


def collect(tmp_path: Path, *, limit: int = 1000) -> Path:
    keep = tmp_path / "keep"
    keep.mkdir()
    command = Exec(argv=("a",), outputs=("/out",), output_limit=limit)
    return outputs.collect(command, (Step("rw", "/out", str(tmp_path / "out")),), keep)["/out"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_files_and_folders_are_copied(out: Path, tmp_path: Path) -> None:
    (out / "a").mkdir()
    (out / "a/b").write_bytes(b"x" * 1000)

    assert (collect(tmp_path) / "a/b").read_bytes() == b"x" * 1000


def test_one_byte_too_many_is_refused(out: Path, tmp_path: Path) -> None:
    (out / "a").write_bytes(b"x" * 500)
    (out / "b").write_bytes(b"x" * 501)

    with pytest.raises(MinisealError) as error:
        collect(tmp_path)

    assert error.value.code == "output-refused"


def test_a_sparse_giant_is_refused_unread(out: Path, tmp_path: Path) -> None:
    with (out / "a").open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(MinisealError) as error:
        collect(tmp_path)

    assert error.value.code == "output-refused"


def test_too_many_entries_are_refused(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "ENTRIES_LIMIT", 3)
    for name in "abcd":
        (out / name).mkdir()

    with pytest.raises(MinisealError) as error:
        collect(tmp_path)

    assert error.value.code == "output-refused"


def test_a_socket_is_refused(out: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(out / "s"))

        with pytest.raises(MinisealError) as error:
            collect(tmp_path)

    assert error.value.code == "output-refused"
    assert error.value.found == "a socket"


def test_a_file_in_the_place_of_the_folder_is_missing(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")

    with pytest.raises(MinisealError) as error:
        collect(tmp_path)

    assert error.value.code == "output-missing"


def test_folders_nested_too_deeply_are_refused(out: Path, tmp_path: Path) -> None:
    (out / "/".join("d" * 64)).mkdir(parents=True)

    with pytest.raises(MinisealError) as error:
        collect(tmp_path)

    assert error.value.code == "output-refused"


@pytest.mark.parametrize("place", ["a/b", "a/b/c", "a"])
def test_a_folder_behind_a_link_is_no_output(tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere" / "b" / "c").mkdir(parents=True)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").symlink_to("../elsewhere")
    keep = tmp_path / "keep"
    keep.mkdir()
    command = Exec(argv=("a",), outputs=(f"/src/{place}",))

    with pytest.raises(MinisealError) as error:
        outputs.collect(command, (Step("rw", "/src", str(tmp_path / "source")),), keep)

    assert error.value.code == "output-missing"


def test_an_output_may_lie_deep_in_a_mount(tmp_path: Path) -> None:
    (tmp_path / "source" / "a" / "b").mkdir(parents=True)
    (tmp_path / "source" / "a" / "b" / "file").write_text("x")
    keep = tmp_path / "keep"
    keep.mkdir()
    command = Exec(argv=("a",), outputs=("/src/a/b",))

    found = outputs.collect(command, (Step("rw", "/src", str(tmp_path / "source")),), keep)

    assert (found["/src/a/b"] / "file").read_text() == "x"
