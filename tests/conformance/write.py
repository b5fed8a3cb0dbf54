"""Write the cases of `made` into `cases`, a folder each: `python tests/conformance/write.py`."""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.made import ARTIFACT, EMAIL, FAKE, PROVIDER, Case, cases, compact

FOLDER = Path(__file__).parent / "cases"


def files() -> dict[str, bytes]:
    """Everything below the folder, by path."""
    found = {
        "a.txt": ARTIFACT,
        "identity": f"{EMAIL}\n".encode(),
        "issuer": f"{PROVIDER}\n".encode(),
        "trusted_root.json": compact(FAKE.trusted_root()),
    }
    for name, case in cases().items():
        found.update({f"{name}/{file}": data for file, data in _files(case).items()})
    return found


def _files(case: Case) -> dict[str, bytes]:
    found = {"README": f"{case.says}\n".encode(), "bundle.sigstore.json": case.bundle}
    if case.key is not None:
        found["key.pub"] = case.key
    elif case.identity != EMAIL:
        found["identity"] = f"{case.identity}\n".encode()
        found["issuer"] = f"{case.issuer}\n".encode()
    return found


def write(folder: Path) -> None:
    """Replace what is in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    write(FOLDER)
