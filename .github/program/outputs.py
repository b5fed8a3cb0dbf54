"""Writes members of what `miniseal --json` printed as outputs of a job: digests, and names of ours.

outputs.py FILE NAME...

Nothing that the program's author wrote gets into a line of its own. Standard library only.
"""

import json
import re
import sys
from pathlib import Path

__all__ = ["main", "outputs"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,499}")


def outputs(result: dict[str, object], names: list[str]) -> list[str]:
    """The lines for `GITHUB_OUTPUT`.

    Raises:
        SystemExit: a value is not what its name says.
    """
    values = {
        "results": result.get("results"),
        "subject-digest": result.get("package"),
        "app-id": result.get("app_id"),
        "reference": f"{result.get('reference')}@{result.get('package')}",
    }
    lines: list[str] = []
    for name in names:
        value, form = values[name], _WORD if name in {"app-id", "reference"} else _DIGEST
        if not isinstance(value, str) or not form.fullmatch(value):
            raise SystemExit(f"{name} is {value!r}")
        lines.append(f"{name}={value}")
    return lines


def main(file: str, *names: str) -> None:
    """Print the outputs."""
    document = json.loads(Path(file).read_text(encoding="utf-8"))
    print("\n".join(outputs(document["result"], list(names))))


if __name__ == "__main__":
    main(*sys.argv[1:])
