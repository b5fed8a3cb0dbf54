"""What a host's load path imports: a list of ours, and a few modules of the standard library.

Import-linter sees who may know whom, not when; here a clean interpreter says what was loaded. What
the listed standard modules load themselves differs from one Python to the next and is asked of the
same interpreter.
"""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from kit.packages import APP, Scene, bundle, key, package, scai
from miniseal.formats.digest import sha256

ROOT = Path(__file__).parents[2]
ROOTS = sorted(str(folder.parent) for folder in ROOT.glob("*/miniseal"))
STANDARD = {"binascii", "hashlib", "hmac", "json", "os", "time", "types"}
OPENING = {
    "miniseal",
    "miniseal.formats",
    "miniseal.formats.digest",
    "miniseal.formats.errors",
    "miniseal.formats.members",
    "miniseal.formats.strictjson",
    "miniseal.formats.times",
    "miniseal.verifier",
    "miniseal.verifier.host",
    "miniseal.verifier.host.files",
    "miniseal.verifier.host.head",
    "miniseal.verifier.host.load",
    "miniseal.verifier.host.mac",
    "miniseal.verifier.host.program",
    "miniseal.verifier.host.reader",
    "miniseal.verifier.host.record",
    "miniseal.verifier.verifier",
}
FORBIDDEN = {
    *("asyncio", "cryptography", "dataclasses", "datetime", "filelock", "importlib.metadata"),
    *("inspect", "logging", "pathlib", "pydantic", "rfc8785", "sigstore", "socket", "ssl"),
    *("subprocess", "tarfile", "tempfile", "tuf", "typing", "urllib"),
}
REPORT = "print(json.dumps(sorted(set(sys.modules) - before)))"
LOAD = """
from miniseal.verifier import Verifier
app_id, policy, state, now = sys.argv[1:]
verifier = Verifier.open(policy, state=state, clock=lambda: float(now))
program = verifier.load(app_id)
"""


def loaded(program: str, *arguments: str | Path) -> set[str]:
    """The modules that a clean interpreter has after `program`, beyond those it starts with."""
    lines = ["import sys", "before = set(sys.modules)", f"sys.path += {ROOTS}", program]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "\n".join([*lines, "import json", REPORT]), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def standard() -> set[str]:
    return loaded(f"import {', '.join(sorted(STANDARD))}")


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> tuple[str | Path, ...]:
    """The arguments of `LOAD`: a program with assets, installed."""
    scene = Scene(tmp_path_factory.mktemp("host"))
    scene.release(made=package(assets={"hello.txt": b"hello"}))
    scene.verifier().install(APP, scene.repository, "1.0.0")
    return APP, scene.path, scene.state, str(scene.now)


@pytest.fixture(scope="module")
def loading(hosting: tuple[str | Path, ...]) -> set[str]:
    return loaded(LOAD, *hosting)


def test_importing_the_verifier_loads_nothing_else(standard: set[str]) -> None:
    found = loaded("import miniseal.verifier")

    assert found - standard == {"miniseal", "miniseal.verifier"}


def test_opening_a_verifier_loads_the_allowed_modules_alone(standard: set[str]) -> None:
    found = loaded("from miniseal.verifier import Verifier\nVerifier.open('p.toml', state='s')")

    assert found - standard == OPENING


def test_loading_a_program_loads_the_allowed_modules_alone(
    standard: set[str], loading: set[str]
) -> None:
    assert loading - standard == OPENING


def test_reading_manifest_and_assets_adds_the_archive_reader_alone(
    standard: set[str], hosting: tuple[str | Path, ...]
) -> None:
    program = "program.manifest\nassert program.assets['hello.txt'] == b'hello'"
    found = loaded(LOAD + program, *hosting)

    archive = {"collections.abc", "itertools", "_struct", "struct"}
    assert found - standard - archive == OPENING | {"miniseal.formats.ustar"}


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_loading_a_program_does_not_load(name: str, loading: set[str]) -> None:
    assert not {each for each in loading if each == name or each.startswith(f"{name}.")}


def test_the_allowed_standard_modules_are_light(standard: set[str]) -> None:
    assert standard & FORBIDDEN == set()


def test_the_report_sees_a_heavy_import() -> None:
    assert FORBIDDEN & loaded("import dataclasses, tempfile") >= {"dataclasses", "tempfile"}


KEY_BUNDLE = """
import site
site.addsitedir(sys.argv[3])
before = set(sys.modules)
from miniseal.formats.bundle import BUNDLE_MALFORMED, Bundle
from miniseal.verifier.signatures.keys import PublicKey
with open(sys.argv[1], "rb") as key, open(sys.argv[2], "rb") as bundle:
    public = PublicKey.from_pem(key.read(), what="key", code=BUNDLE_MALFORMED)
    assert public.verifies(Bundle.from_bytes(bundle.read()).envelope)
"""
ADMIT = """
import site
site.addsitedir(sys.argv[5])
from miniseal.verifier import Verifier
app_id, policy, state, now = sys.argv[1:5]
Verifier.open(policy, state=state, clock=lambda: float(now)).readmit(app_id)
"""


def _of_others(modules: set[str]) -> set[str]:
    """Other people's packages among modules, by their top-level names."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"miniseal"}


def test_checking_a_key_bundle_adds_cryptography_and_nothing_else(tmp_path: Path) -> None:
    public, data = tmp_path / "key.pub", tmp_path / "bundle.json"
    public.write_bytes(key("acme").public_pem)
    data.write_bytes(bundle(*scai(), [sha256(b"a package")]))

    modules = loaded(KEY_BUNDLE, public, data, sysconfig.get_path("purelib"))

    assert _of_others(modules) == {"_cffi_backend", "_openssl", "cryptography"}


def test_an_admission_by_keys_loads_nothing_for_keyless_signatures_or_layouts(
    hosting: tuple[str | Path, ...],
) -> None:
    modules = loaded(ADMIT, *hosting, sysconfig.get_path("purelib"))

    assert {"cryptography", "pydantic"} <= _of_others(modules)
    assert not {"in_toto", "securesystemslib", "sigstore", "tuf"} & _of_others(modules)
