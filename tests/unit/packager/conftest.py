from collections.abc import Mapping
from pathlib import Path

import pytest

from miniseal.packager import lock_text
from unit.packager.sample import MANIFEST, SETTINGS, WAT, Make


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project's folder, with these files added, changed or (where None) left out."""

    def build(files: Mapping[str, str | bytes | None] | None = None, *, name: str = "tip") -> Path:
        root = tmp_path / name
        whole: dict[str, str | bytes | None] = {
            "manifest.json": MANIFEST,
            "miniseal.toml": SETTINGS,
            "miniseal.lock": lock_text("wat"),
            "src/app.wat": WAT,
            "assets/a.txt": "hello\n",
            "assets/more/b.json": "{}\n",
        }
        for path, content in (whole | dict(files or {})).items():
            if content is not None:
                place = root / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return build
