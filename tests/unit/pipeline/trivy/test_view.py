from pathlib import Path

import pytest

from miniseal.pipeline.trivy.view import View


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "b.md").write_bytes(b"b")
    (folder / "a").write_bytes(b"a")
    (folder / "a").chmod(0o755)
    (folder / "link").symlink_to("a")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "view"
    made.mkdir()
    return made


def laid(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_each_file_is_there_by_its_name_and_by_a_neutral_one(tree: Path, folder: Path) -> None:
    View.of(tree, folder, without=())

    assert laid(folder) == {
        "plain/000000.txt": b"a",
        "plain/000001.txt": b"b",
        "tree/a": b"a",
        "tree/deep/b.md": b"b",
    }


def test_a_program_stays_executable(tree: Path, folder: Path) -> None:
    View.of(tree, folder, without=())

    assert (folder / "tree" / "a").stat().st_mode & 0o777 == 0o755


def test_what_is_left_out_is_there_by_its_neutral_name(tree: Path, folder: Path) -> None:
    View.of(tree, folder, without={"a"})

    assert sorted(laid(folder)) == ["plain/000000.txt", "plain/000001.txt", "tree/deep/b.md"]


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("plain/000001.txt", "deep/b.md"),
        ("tree/deep/b.md", "deep/b.md"),
        ("tree/deep", "deep"),
        ("tree", "."),
        ("Node.js", "Node.js"),
    ],
)
def test_a_target_is_a_path_of_the_tree(tree: Path, folder: Path, target: str, place: str) -> None:
    assert View.of(tree, folder, without=()).place(target) == place


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"\0\nkey = 'secret'\r\n\tmore ones\n", b"\nkey = 'secret' \n\tmore ones \n"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rtEXtComment\0a text\xff", b"\n\ntEXtComment a text "),
        (b"\xff\xfe" + "key: 'secret'\nfurther".encode("utf-16-le"), b"key: 'secret' \nfurther "),
        (b"\xfe\xff" + "key: 'secret'\nfurther".encode("utf-16-be"), b"key: 'secret' \nfurther "),
        (b"text" * 5000 + b"\x7f", b"text" * 5000 + b" "),
    ],
)
def test_the_texts_of_a_binary_file_are_there_as_well(
    tree: Path, folder: Path, data: bytes, texts: bytes
) -> None:
    (tree / "a").write_bytes(data)

    view = View.of(tree, folder, without=())

    files = laid(folder)
    assert files["tree/a"] == files["plain/000000.txt"] == data
    assert files["plain/000000.strings"] == texts
    assert view.place("plain/000000.strings") == "a"
    assert "plain/000001.strings" not in files


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (b"# trivy:ignore:DS-0002\n", b"# trivy_ignore:DS-0002\n"),
        (b"# Trivy:IGNORE:*\n#tfsec:ignore:a", b"# Trivy_IGNORE:*\n#tfsec_ignore:a"),
        (b"# trivy: ignored", b"# trivy: ignored"),
        (b"", b""),
    ],
)
def test_a_file_cannot_silence_the_scanner(
    tree: Path, folder: Path, text: bytes, seen: bytes
) -> None:
    (tree / "a").write_bytes(text)

    View.of(tree, folder, without=())

    assert laid(folder)["tree/a"] == laid(folder)["plain/000000.txt"] == seen
    assert (tree / "a").read_bytes() == text
    assert (folder / "tree" / "a").stat().st_mode & 0o777 == 0o755
