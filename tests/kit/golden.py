"""The examples' digests as they have to be everywhere: `tests/integration/digests.json`.

    PYTHONPATH=tests python -m kit.golden     # builds the examples and writes the file again

A change of a digest is a change of what is published: say in the changelog why.
"""

import json
import tempfile
from pathlib import Path

from kit.commands import run_miniseal

__all__ = ["KINDS", "NAMES", "build", "golden"]

NAMES = ("greeting", "loan", "tip", "valuta")
KINDS = ("package", "wasm_artifact", "image")
_NOTE = "made by: PYTHONPATH=tests python -m kit.golden"


def golden(repository: Path) -> dict[str, dict[str, str]]:
    """The digests that a repository expects, by example and kind."""
    table: dict[str, dict[str, dict[str, str]]] = json.loads(_file(repository).read_bytes())
    return table["digests"]


def build(
    repository: Path,
    name: str,
    out: Path,
    *,
    env: dict[str, str] | None = None,
    prefix: tuple[str, ...] = (),
) -> dict[str, str]:
    """Build an example of a repository with that repository's own code; the digests by kind."""
    parts = sorted(str(folder.parent) for folder in repository.glob("*/miniseal"))
    result = run_miniseal(
        *("build", repository / "examples" / name, "-o", f"oci:{out}", "--progress", "none"),
        env={"PYTHONPATH": ":".join(parts), **(env or {})},
        cwd=repository,
        prefix=prefix,
    ).ok()
    return {kind: result[kind] for kind in KINDS}


def _file(repository: Path) -> Path:
    return repository / "tests" / "integration" / "digests.json"


def _main() -> None:
    repository = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        digests = {name: build(repository, name, Path(folder, name)) for name in NAMES}
    table = {"note": _NOTE, "digests": digests}
    _file(repository).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _main()
