"""The real scanner, in the sandbox, without a network, on a database made here."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import zlib
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest

from kit.locks import NPM_LOCK
from miniseal.formats.errors import MinisealError
from miniseal.packager import lock
from miniseal.pipeline.engines import LocalEngine, detect
from miniseal.pipeline.trivy.binary import Trivy
from miniseal.pipeline.trivy.coverage import check_components
from miniseal.pipeline.trivy.database import Database, build, file_digest
from miniseal.pipeline.trivy.run import Scanner
from miniseal.pipeline.trivy.scan import Scan

pytestmark = pytest.mark.services

VERSION = "0.76.0"
SEARCH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
REPORT = '{"SchemaVersion":2,"Trivy":{"Version":"0.76.0"}}'
# Advisories written here after the facts of public ones: package, range, severity.
ADVISORIES: list[tuple[str, str, str, str, dict[str, object]]] = [
    ("CVE-2021-44906", "npm", "minimist", "1.2.6", {"database_specific": {"severity": "CRITICAL"}}),
    ("CVE-2024-22195", "PyPI", "Jinja2", "3.1.3", {"database_specific": {"severity": "MODERATE"}}),
    (
        "CVE-2020-26235",
        "crates.io",
        "time",
        "0.2.23",
        {
            "severity": [
                {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}
            ]
        },
    ),
    ("CVE-2021-38561", "Go", "golang.org/x/text", "0.3.7", {}),
    (
        "CVE-2021-44228",
        "Maven",
        "org.apache.logging.log4j:log4j-core",
        "2.15.0",
        {"database_specific": {"severity": "CRITICAL"}},
    ),
]


def pin(*binaries: Path) -> lock.Scanner:
    digests = tuple(map(file_digest, binaries))
    return lock.Scanner(name="trivy", version=VERSION, released=0, digests=digests)


@pytest.fixture(scope="module")
def trivy() -> Trivy:
    found = shutil.which("trivy", path=SEARCH)
    assert found is not None
    return Trivy.locate(None, search=SEARCH, pinned=pin(Path(found)))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("osv")
    for identifier, ecosystem, name, fixed, more in ADVISORIES:
        events = [{"introduced": "0"}, {"fixed": fixed}]
        affected = {
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        advisory = {"id": identifier, "summary": name, "affected": [affected]} | more
        (folder / f"{identifier}.json").write_text(json.dumps(advisory))
    return build(folder, tmp_path_factory.mktemp("db"), updated=1_790_000_000)


@pytest.fixture
def scanner(trivy: Trivy, database: Database) -> Iterator[Scanner]:
    isolation = detect()
    assert isolation is not None
    with LocalEngine(isolation) as engine:
        yield Scanner(engine=engine, trivy=trivy, database=database)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def run(scan: Coroutine[object, object, Scan]) -> Scan:
    return asyncio.run(scan)  # type: ignore[arg-type]


def write(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)


def secret() -> str:
    return f"const token = '{'gh' + 'p_'}{secrets.token_hex(18)}';\n"


def auditable(package: str, version: str) -> bytes:
    packages = [
        {"name": package, "version": version, "source": "crates.io"},
        {"name": "app", "version": "1.0.0", "source": "local", "root": True, "dependencies": [0]},
    ]
    section = b"\x07.dep-v0" + zlib.compress(json.dumps({"packages": packages}).encode())
    size = len(section)
    return b"\0asm\1\0\0\0\0" + bytes([size & 0x7F | 0x80, size >> 7]) + section


def component(purl: str, name: str, version: str, **more: str) -> dict[str, str]:
    fields = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return fields | more


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("package-lock.json", NPM_LOCK, ("CVE-2021-44906", "critical", "1.2.6")),
        ("a/requirements-dev.txt", "jinja2==3.1.2\n", ("CVE-2024-22195", "medium", "3.1.3")),
        (
            "Cargo.lock",
            'version = 3\n\n[[package]]\nname = "time"\nversion = "0.1.43"\n',
            ("CVE-2020-26235", "high", "0.2.23"),
        ),
        (
            "go.mod",
            "module example.com/a\n\ngo 1.22\n\nrequire golang.org/x/text v0.3.0\n",
            ("CVE-2021-38561", "unknown", "0.3.7"),
        ),
        (
            "gradle.lockfile",
            "org.apache.logging.log4j:log4j-core:2.14.0=runtimeClasspath\n",
            ("CVE-2021-44228", "critical", "2.15.0"),
        ),
    ],
)
def test_a_known_vulnerability_is_found_in_each_ecosystem(
    scanner: Scanner, tree: Path, name: str, text: str, found: tuple[str, str, str]
) -> None:
    write(tree, name, text)

    scan = run(scanner.source(tree))

    assert [(item.id, item.severity, item.fixed) for item in scan.findings] == [found]
    assert {item.target for item in scan.findings} == {name}
    assert scan.targets == (name,)


def test_a_fixed_version_is_clean(scanner: Scanner, tree: Path) -> None:
    write(tree, "requirements.txt", "jinja2==3.1.3\n")

    scan = run(scanner.source(tree))

    assert scan.findings == ()
    assert [item.purl for item in scan.packages] == ["pkg:pypi/jinja2@3.1.3"]


def test_an_empty_tree_is_clean_and_holds_no_canary(scanner: Scanner, tree: Path) -> None:
    scan = run(scanner.source(tree))

    assert scan == Scan()


def test_the_same_tree_scans_the_same_twice(scanner: Scanner, tree: Path) -> None:
    write(tree, "package-lock.json", NPM_LOCK)
    write(tree, "a.txt", secret())

    assert run(scanner.source(tree)) == run(scanner.source(tree))


@pytest.mark.parametrize(
    "name",
    [
        *("a.txt", "tests/a.txt", "examples/a.txt", "vendor/a.txt", "README.md", "docs/a.md"),
        *("usr/share/a.txt", "locale/a.txt", "dev/a.txt", "proc/a.txt", "sys/a.txt"),
        *("a.svg", "go.sum", "node_modules/x/a.txt", ".git/config", "a.jpg", "a.lock"),
        *("lib/python3.11/site-packages/a.py", "opt/yarn/a", "wp-includes/a.php"),
    ],
)
def test_a_secret_is_found_wherever_it_lies(scanner: Scanner, tree: Path, name: str) -> None:
    write(tree, name, "first line\n" + secret())

    scan = run(scanner.source(tree))

    assert [(item.rule, item.severity, item.target, item.line) for item in scan.secrets] == [
        ("github-pat", "critical", name, 2)
    ]


@pytest.mark.parametrize("name", ["a.ts", "icon.png", "font.woff2", "app.wasm", "x.bin"])
@pytest.mark.parametrize("mode", ["source", "package"])
def test_a_secret_is_found_behind_control_bytes(
    scanner: Scanner, tree: Path, name: str, mode: str
) -> None:
    start = {"a.ts": b"\0", "icon.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"}.get(
        name, b"\0asm\1\0\0\0"
    )
    (tree / name).write_bytes(start + b"\n" + secret().encode() + b"\xff\0")

    scan = run(getattr(scanner, mode)(tree))

    assert {(item.rule, item.target) for item in scan.secrets} == {("github-pat", name)}


def test_a_secret_is_found_in_a_text_of_two_bytes_each(scanner: Scanner, tree: Path) -> None:
    (tree / "a.ts").write_bytes(f"// first\n{secret()}".encode("utf-16"))

    scan = run(scanner.source(tree))

    assert [(item.target, item.line) for item in scan.secrets] == [("a.ts", 2)]


def test_configuration_in_the_tree_is_not_read(scanner: Scanner, tree: Path) -> None:
    write(tree, "package-lock.json", NPM_LOCK)
    write(tree, "a.txt", secret() + "// trivy:ignore:github-pat gitleaks:allow\n")
    write(tree, ".trivyignore", "CVE-2021-44906\ngithub-pat\n")
    write(tree, ".trivyignore.yaml", "vulnerabilities:\n  - id: CVE-2021-44906\n")
    write(tree, "trivy-secret.yaml", "disable-rules:\n  - github-pat\n")
    write(tree, "trivy.yaml", "scan:\n  skip-dirs: ['**']\nseverity: [LOW]\n")

    scan = run(scanner.source(tree))

    assert [item.id for item in scan.findings] == ["CVE-2021-44906"]
    assert [item.target for item in scan.secrets] == ["a.txt"]


def test_a_lock_file_the_scanner_does_not_read_is_refused(scanner: Scanner, tree: Path) -> None:
    write(tree, "npm-shrinkwrap.json", NPM_LOCK)

    with pytest.raises(MinisealError) as error:
        run(scanner.source(tree))

    assert error.value.code == "scan-incomplete"
    assert "npm-shrinkwrap.json" in str(error.value.found)


def test_a_broken_lock_file_is_refused(scanner: Scanner, tree: Path) -> None:
    write(tree, "package-lock.json", NPM_LOCK[:-10])

    with pytest.raises(MinisealError) as error:
        run(scanner.source(tree))

    assert error.value.code in {"scan-incomplete", "scanner-failed"}


def test_dependencies_inside_an_executable_wasm_are_found(scanner: Scanner, tree: Path) -> None:
    (tree / "app.wasm").write_bytes(auditable("time", "0.1.43"))
    (tree / "app.wasm").chmod(0o755)
    write(tree, "data.txt", secret())

    scan = run(scanner.package(tree))

    assert [(item.id, item.target) for item in scan.findings] == [("CVE-2020-26235", "app.wasm")]
    assert [item.target for item in scan.secrets] == ["data.txt"]


def test_an_sbom_is_looked_up_component_by_component(scanner: Scanner) -> None:
    components = [
        component("pkg:npm/minimist@1.2.5", "minimist", "1.2.5"),
        component("pkg:npm/%40a/b@1.0.0", "b", "1.0.0", group="@a"),
        component("pkg:pypi/typing-extensions@4.0.0", "typing_extensions", "4.0.0"),
        component("pkg:cargo/time@0.1.43", "time", "0.1.43"),
        component("pkg:golang/golang.org/x/text@v0.3.0", "text", "v0.3.0", group="golang.org/x"),
        component("pkg:maven/a.b/c@1.0", "c", "1.0", group="a.b"),
        component("pkg:generic/tool@1", "tool", "1"),
    ]
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}

    scan = run(scanner.sbom(json.dumps(bom).encode()))

    check_components([item["purl"] for item in components], scan)
    assert {item.id for item in scan.findings} == {
        *("CVE-2021-44906", "CVE-2020-26235", "CVE-2021-38561"),
    }


def test_a_component_whose_name_is_not_its_urls_is_refused(scanner: Scanner) -> None:
    disguised = component("pkg:npm/minimist@1.2.5", "harmless", "1.2.5")
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [disguised]}

    scan = run(scanner.sbom(json.dumps(bom).encode()))

    with pytest.raises(MinisealError) as error:
        check_components([disguised["purl"]], scan)
    assert error.value.code == "scan-incomplete"


def test_a_document_that_is_no_sbom_fails(scanner: Scanner) -> None:
    with pytest.raises(MinisealError) as error:
        run(scanner.sbom(b"{}"))

    assert error.value.code == "scanner-failed"


def test_the_tail_of_what_the_scanner_said_is_in_the_error(
    trivy: Trivy, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "db"
    shutil.copytree(database.folder, folder)
    (folder / "trivy.db").write_bytes((folder / "trivy.db").read_bytes()[:4096])
    broken = Scanner(engine=LocalEngine(detect()), trivy=trivy, database=Database.open(folder))

    with pytest.raises(MinisealError) as error:
        run(broken.sbom(b'{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}'))

    assert error.value.code == "scanner-failed"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo out of luck >&2; exit 1", "scanner-failed"),
        ("kill -9 $$", "scanner-failed"),
        ("exit 0", "scanner-failed"),
        ("echo '{}' > /scanner/out/report.json", "scan-malformed"),
        (
            f"echo '{REPORT}' | sed s/0.76.0/0.69.4/ > /scanner/out/report.json",
            "scanner-not-pinned",
        ),
        (f"echo '{REPORT}' > /scanner/out/report.json", "scan-empty"),
    ],
)
def test_a_scanner_that_misbehaves_is_no_pass(
    database: Database, tree: Path, tmp_path: Path, script: str, code: str
) -> None:
    fake = tmp_path / "trivy"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    trivy = Trivy.locate(fake, search="", pinned=pin(fake))

    with LocalEngine(detect()) as engine, pytest.raises(MinisealError) as error:
        run(Scanner(engine=engine, trivy=trivy, database=database).source(tree))

    assert error.value.code == code
    assert "out of luck" not in script or "out of luck" in error.value.message


def test_a_binary_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    launcher = tmp_path / "trivy"
    launcher.write_text("#!/usr/bin/python3\n")
    launcher.chmod(0o755)

    with pytest.raises(MinisealError) as error:
        Trivy.locate(None, search=str(tmp_path), pinned=pin())

    assert error.value.code == "scanner-not-pinned"


@pytest.mark.parametrize("named", [None, "nothing-here"])
def test_a_scanner_that_is_not_there_is_missing(tmp_path: Path, named: str | None) -> None:
    path = None if named is None else tmp_path / named

    with pytest.raises(MinisealError) as error:
        Trivy.locate(path, search=str(tmp_path), pinned=pin())

    assert error.value.code == "scanner-missing"
