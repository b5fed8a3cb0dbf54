from pathlib import Path

import pytest

from miniseal.pipeline.trivy.headers import declared

TAG = "SPDX-License-" + "Identifier:"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"/* {TAG} GPL-2.0-or-later */", "GPL-2.0-or-later"),
        (f"<!-- {TAG} MIT -->", "MIT"),
        (f"# {TAG} (MIT OR Apache-2.0) AND ISC", "(MIT OR Apache-2.0) AND ISC"),
        (f"//{TAG}LicenseRef-own", "LicenseRef-own"),
        (
            f"{TAG} GPL-2.0-only WITH Classpath-exception-2.0\r",
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ),
    ],
)
def test_what_a_file_says_of_itself_is_read(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_bytes(f"#!/bin/sh\n{line}\ncode\n".encode())

    found = [(item.target, item.package, item.name) for item in declared(tmp_path)]

    assert found == [("src/a", "", name)]


def test_a_text_further_down_is_about_licences(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text " * 1000 + f"\n{TAG} GPL-2.0-only\n")

    assert list(declared(tmp_path)) == []


@pytest.mark.parametrize("text", [TAG, f"{TAG} ${{license}}", f"{TAG}\nMIT"])
def test_a_line_without_a_licence_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)

    assert list(declared(tmp_path)) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")

    assert list(declared(tmp_path)) == []
