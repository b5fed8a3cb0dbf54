"""What a host pays for: `import miniseal.verifier`, opening and loading, in a clean interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kit.hosts import installed
from kit.packages import Scene

ROOT = Path(__file__).parents[3]
PARTS = [str(ROOT / part) for part in ("verifier", "formats")]
FORBIDDEN = {
    *("dataclasses", "datetime", "inspect", "logging", "pathlib", "tarfile", "tempfile", "typing"),
    *("cryptography", "filelock", "pydantic", "rfc8785", "sigstore", "tomllib", "tuf"),
    *("asyncio", "http", "socket", "ssl", "subprocess", "urllib"),
}
OURS = {
    "miniseal",
    "miniseal.formats",
    *(f"miniseal.formats.{name}" for name in ("digest", "errors", "members")),
    *(f"miniseal.formats.{name}" for name in ("strictjson", "times", "ustar")),
    "miniseal.verifier",
    "miniseal.verifier.host",
    *(f"miniseal.verifier.host.{name}" for name in ("files", "head", "load", "mac")),
    *(f"miniseal.verifier.host.{name}" for name in ("program", "reader", "record")),
    "miniseal.verifier.verifier",
}
STANDARD = {
    # what json, hashlib, hmac and struct bring, and what those bring
    *("_blake2", "_hashlib", "_json", "_operator", "_sre", "_struct", "_weakref"),
    *("binascii", "collections", "copyreg", "enum", "functools", "hashlib", "hmac", "json"),
    *("itertools", "keyword", "math", "operator", "re", "reprlib", "struct", "types", "warnings"),
    *("_collections", "_collections_abc", "_functools", "_stat"),
    *("genericpath", "os", "posixpath", "stat"),
}
SCRIPT = """
import sys
sys.path[:0] = {parts!r}
before = set(sys.modules)
import miniseal.verifier
after_import = set(sys.modules)
from miniseal.verifier import Verifier
verifier = Verifier.open({policy!r}, state={state!r}, clock=lambda: {now})
program = verifier.load("com.acme.tip")
assert program.wasm and not program.assets and program.manifest["app_id"] == "com.acme.tip"
after_load = set(sys.modules)
import json
print(json.dumps([sorted(after_import - before), sorted(after_load - before)]))
"""


@pytest.fixture
def modules(tmp_path: Path) -> tuple[set[str], set[str]]:
    """What importing the part brings, and what opening and loading brings."""
    scene = Scene(tmp_path)
    installed(scene)
    script = SCRIPT.format(
        parts=PARTS, policy=str(scene.path), state=str(scene.state), now=scene.now
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    return set(first), set(second)


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_importing_the_part_imports_nothing_else(modules: tuple[set[str], set[str]]) -> None:
    assert modules[0] == {"miniseal", "miniseal.verifier"}


def test_loading_imports_nothing_that_is_forbidden(modules: tuple[set[str], set[str]]) -> None:
    assert roots(modules[1]) & FORBIDDEN == set()


def test_loading_imports_only_what_is_listed(modules: tuple[set[str], set[str]]) -> None:
    ours = {name for name in modules[1] if name.startswith("miniseal")}

    assert ours <= OURS
    assert roots(modules[1] - ours) <= STANDARD
