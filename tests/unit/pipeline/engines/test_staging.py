import os
from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines import Exec, Mount, staging
from miniseal.pipeline.engines.sandbox import Step


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir(mode=0o700)
    (folder / "file").write_text("x")
    (folder / "tool").write_text("x")
    (folder / "tool").chmod(0o700)
    (folder / "link").symlink_to("file")
    return folder


def test_a_writable_copy_has_fixed_modes_and_times(source: Path, tmp_path: Path) -> None:
    command = Exec(argv=("a",), inputs=(Mount(path="/src", host=source, writable=True),))

    (step,) = staging.mounts(command, tmp_path)

    copy = Path(step.source)
    assert copy.stat().st_mode & 0o777 == 0o755
    assert (copy / "file").stat().st_mode & 0o777 == 0o644
    assert (copy / "tool").stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mtime for path in (copy, copy / "file")} == {315532800.0}
    assert (copy / "link").readlink() == Path("file")


def test_a_read_only_input_is_not_copied(source: Path, tmp_path: Path) -> None:
    command = Exec(argv=("a",), inputs=(Mount(path="/src", host=source),))

    assert staging.mounts(command, tmp_path) == (Step("ro", "/src", str(source)),)


@pytest.mark.parametrize(
    ("path", "found"),
    [("/src/out", "/copy/out"), ("/src", "/copy"), ("/srcs", None), ("/in/x", None), ("/", None)],
)
def test_only_paths_of_writable_mounts_are_on_the_host(path: str, found: str | None) -> None:
    steps = (Step("rw", "/src", "/copy"), Step("ro", "/in", "/host"))

    assert staging.host_path(path, steps) == (Path(found) if found else None)


def test_no_output_is_made_behind_a_link_of_the_source(source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (source / "away").symlink_to(tmp_path / "elsewhere")
    command = Exec(
        argv=("a",),
        inputs=(Mount(path="/src", host=source, writable=True),),
        outputs=("/src/away/out",),
    )
    (tmp_path / "stage").mkdir()

    with pytest.raises(MinisealError) as error:
        staging.mounts(command, tmp_path / "stage")

    assert error.value.code == "engine-failed"
    assert not any((tmp_path / "elsewhere").iterdir())


def test_relocation_rewrites_whole_paths_only(source: Path, tmp_path: Path) -> None:
    command = Exec(
        argv=("x", "/src/file", "--out=/out/a", "/srcs", "a/src", "/src:/out"),
        inputs=(Mount(path="/src", host=source),),
        outputs=("/out",),
        cwd="/src",
    )

    moved, _ = staging.relocate(command, tmp_path)

    at = str(tmp_path)
    assert moved.argv[1:] == (
        *(f"{at}/src/file", f"--out={at}/out/a", "/srcs", "a/src", f"{at}/src:{at}/out"),
    )
    assert moved.cwd == f"{at}/src"


def test_a_folder_without_permissions_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    (folder / "closed/deep").mkdir(parents=True)
    (folder / "closed").chmod(0)
    (folder / "link").symlink_to(tmp_path)

    staging.remove(folder)

    assert not folder.exists()
    assert tmp_path.exists()


def test_a_folder_deeper_than_a_path_can_say_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    at = os.open(folder, os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)

    staging.remove(folder)

    assert list(tmp_path.iterdir()) == []
