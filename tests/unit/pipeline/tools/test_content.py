import os
from collections.abc import Callable
from pathlib import Path

import pytest

from miniseal.pipeline.tools.content import content_of


def _tree(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "tool").write_bytes(b"#!/bin/sh\n")
    (folder / "bin" / "tool").chmod(0o755)
    (folder / "notes").write_bytes(b"read me")
    (folder / "link").symlink_to("notes")
    return folder


def test_a_copy_has_the_same_content_whatever_its_times_and_other_modes(tmp_path: Path) -> None:
    one, two = _tree(tmp_path / "one"), _tree(tmp_path / "two")
    os.utime(two / "notes", (1, 1))
    (two / "notes").chmod(0o600)

    assert content_of(one) == content_of(two)
    assert content_of(one).size == 17


def _rename(tree: Path) -> None:
    (tree / "notes").rename(tree / "note")


def _lead_elsewhere(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("bin/tool")


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "notes").write_bytes(b"read us"),
        lambda tree: (tree / "bin" / "tool").chmod(0o644),
        lambda tree: (tree / "more").touch(),
        lambda tree: (tree / "more").mkdir(),
        lambda tree: (tree / "notes").unlink(),
        lambda tree: os.mkfifo(tree / "pipe"),
        _rename,
        _lead_elsewhere,
    ],
    ids=["bytes", "mode", "file", "folder", "missing", "pipe", "name", "link"],
)
def test_any_other_difference_shows(tmp_path: Path, change: Callable[[Path], object]) -> None:
    tree = _tree(tmp_path / "tree")
    before = content_of(tree)

    change(tree)

    assert content_of(tree).digest != before.digest
