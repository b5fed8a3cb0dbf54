"""What a scan has to find, to refuse and to pass over, with the real scanner in the sandbox.

A project is scanned as a release does it: its tree, its package, its bill of materials, then the
gate. Texts that look like secrets are put together here, so that this repository has none.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kit.hostile import SETTINGS, project_at
from kit.locks import NPM_LOCK
from kit.packages import wasm_module
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.vulns import Vulns
from miniseal.packager import Lock, Packed, Project, lock, pack
from miniseal.pipeline.engines import LocalEngine, detect
from miniseal.pipeline.steps.gate import Bar, gate
from miniseal.pipeline.steps.sbom import bill_of
from miniseal.pipeline.steps.scan import (
    ScanSettings,
    open_scanner,
    predicate_of,
    scan_bill,
    scan_package,
    scan_source,
)
from miniseal.pipeline.trivy import artifact, golang
from miniseal.pipeline.trivy.binary import Trivy
from miniseal.pipeline.trivy.database import Database, build, file_digest
from miniseal.pipeline.trivy.run import Scanner
from miniseal.pipeline.trivy.scan import Scan
from miniseal.pipeline.trivy.source import Folder, parse
from miniseal.registry import LayoutStore
from miniseal.verifier.vex import Identity
from services import golang as build_tool

pytestmark = pytest.mark.services

DAY = 86400
NOW = 1_795_000_000
MADE = NOW - DAY
BAR = Bar(fail_on="high", denied_licenses=("GPL-*", "AGPL-*"), fail_on_misconfiguration="high")

# Advisories written here after the facts of public ones.
ADVISORIES: Mapping[str, tuple[str, str, str]] = {
    "CVE-2021-44906": ("npm", "minimist", "1.2.6"),
    "RUSTSEC-2020-0071": ("crates.io", "time", "0.2.23"),
    "CVE-2018-18074": ("PyPI", "requests", "2.20.0"),
    "CVE-2021-38561": ("Go", "golang.org/x/text", "0.3.7"),
    "EX-2026-0001": ("Go", "example.com/Mixed/dep", "1.9.0"),
    "EX-2026-0002": ("Go", "stdlib", "99.0.0"),
}
UV_LOCK = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "a"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "requests" }]

[[package]]
name = "requests"
version = "2.19.0"
source = { registry = "https://index.example/simple" }
"""
CARGO_LOCK = 'version = 3\n\n[[package]]\nname = "time"\nversion = "0.1.43"\n'
GO_MOD = """\
module example.com/a

go 1.22

require golang.org/x/text v0.3.0

require example.com/Mixed/dep v1.2.3
"""
CDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "components": [
        {
            "type": "library",
            "name": "minimist",
            "version": "1.2.5",
            "purl": "pkg:npm/minimist@1.2.5",
            "licenses": [{"license": {"id": "GPL-2.0-only"}}],
        }
    ],
}
GO_MARKS = [
    bytes.fromhex(text)
    for text in ("3077af0c9274080241e1c107e6d618e6", "f932433186182072008242104116d8f2")
]
GO_LIST = (
    "path\texample.com/a\n"
    "mod\texample.com/a\t(devel)\t\n"
    "dep\tgolang.org/x/text\tv0.3.0\th1:x=\n"
    "dep\texample.com/other\tv1.0.0\n"
    "=>\texample.com/Mixed/dep\tv1.2.3\th1:x=\n"
    "build\tGOOS=wasip1\n"
)


GPL_LOCK = {
    "name": "a",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "a", "dependencies": {"left-pad": "1.3.0"}},
        "node_modules/left-pad": {
            "version": "1.3.0",
            "resolved": "https://registry.example/left-pad/-/left-pad-1.3.0.tgz",
            "license": "GPL-3.0-only",
        },
    },
}
WRONG = {
    "npm/package-lock.json": NPM_LOCK,
    "Cargo.lock": CARGO_LOCK,
    "uv.lock": UV_LOCK,
    "requirements.txt": "requests==2.19.0\n",
    "go.mod": GO_MOD,
    "vendor/a.cdx.json": json.dumps(CDX),
    "gpl/package-lock.json": json.dumps(GPL_LOCK),
    "src/a.c": "/* SPDX-License-Identifier: GPL-2.0-or-later */\nint a;\n",
    "assets/a.html": "<!-- SPDX-License-Identifier: AGPL-3.0-only -->\n<p>a</p>\n",
    "deploy/Dockerfile": "FROM debian:12\nUSER root\n",
}


def token() -> str:
    """Looks like a secret, and is none."""
    return "gh" + "p_" + secrets.token_hex(18)


def leb(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + leb(rest) if rest else bytes([low])


def with_data(data: bytes) -> bytes:
    """A module with one passive data segment."""
    body = b"\x01\x01" + leb(len(data)) + data
    return wasm_module() + b"\x0b" + leb(len(body)) + body


def with_custom(name: bytes, content: bytes, module: bytes | None = None) -> bytes:
    body = leb(len(name)) + name + content
    return (module or wasm_module()) + b"\0" + leb(len(body)) + body


def pin(path: Path) -> lock.Scanner:
    return lock.Scanner(name="trivy", version="0.76.0", released=0, digests=(file_digest(path),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A project in a folder, and the scanner."""

    project: Path
    scanner: Scanner

    def write(self, name: str, content: str | bytes) -> None:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def packed(self) -> Packed:
        project = Project.load(self.project)
        wasm = (self.project / "app.wasm").read_bytes()
        return pack(project.manifest, project.settings, wasm, project.assets, project.toolchain)

    def source(self) -> Scan:
        return asyncio.run(scan_source(self.scanner, self.project))

    def package(self) -> Scan:
        work = self.project.with_name(f"work-{time.monotonic_ns()}")
        return asyncio.run(scan_package(self.scanner, self.packed(), work))

    def bill(self, *scans: Scan) -> dict[str, object]:
        packed, packages = self.packed(), [each for scan in scans for each in scan.packages]
        digest = packed.package.descriptor.digest
        return bill_of(packed.config, packages, (), package_digest=digest)

    def listed(self, bill: dict[str, object]) -> Scan:
        return asyncio.run(scan_bill(self.scanner, bill))

    def predicate(self, now: int = NOW, **scans: Scan) -> Vulns:
        return predicate_of(self.scanner.facts, scans, started=now, finished=now + 1)

    def gate(self, **scans: Scan) -> None:
        packed = self.packed()
        gate(
            identity=Identity.of(packed.config, packed.package.descriptor.digest),
            vulns=self.predicate(**scans),
            scans=scans,
            bars=(BAR,),
            vex=(),
            rebuilt=True,
            now=NOW,
        )

    def refused(self, **scans: Scan) -> str:
        with pytest.raises(MinisealError) as error:
            self.gate(**scans)
        return error.value.code


@pytest.fixture(scope="module")
def trivy() -> Path:
    found = shutil.which("trivy")
    assert found is not None
    return Path(found).resolve()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("osv")
    for identifier, (ecosystem, name, fixed) in ADVISORIES.items():
        events = [{"introduced": "0"}, {"fixed": fixed}]
        affected = {
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "SEMVER", "events": events}],
        }
        advisory = {
            "id": identifier,
            "summary": name,
            "affected": [affected],
            "database_specific": {"severity": "HIGH"},
        }
        (folder / f"{identifier}.json").write_text(json.dumps(advisory))
    return build(folder, tmp_path_factory.mktemp("db"), updated=MADE)


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine(detect()) as engine:
        yield engine


@pytest.fixture(scope="module")
def scanner(trivy: Path, database: Database, engine: LocalEngine) -> Scanner:
    found = Trivy.locate(trivy, search="", pinned=pin(trivy))
    return Scanner(engine=engine, trivy=found, database=database)


@pytest.fixture
def bench(tmp_path: Path, scanner: Scanner) -> Bench:
    settings = f'{SETTINGS}[assets]\ninclude = ["assets/**"]\n'
    return Bench(project=project_at(tmp_path / "project", settings), scanner=scanner)


def test_a_clean_project_passes(bench: Bench) -> None:
    source, package = bench.source(), bench.package()
    listed = bench.listed(bench.bill(source, package))

    bench.gate(source=source, package=package, sbom=listed)

    assert bench.predicate(source=source, package=package, sbom=listed).findings == ()


def test_a_secret_in_a_source_file_or_an_asset_is_refused(bench: Bench) -> None:
    bench.write("src/main.ts", f"const key = '{token()}';\n")
    bench.write("assets/config.json", json.dumps({"key": token()}))

    source = bench.source()

    assert {item.target for item in source.secrets} == {"src/main.ts", "assets/config.json"}
    assert bench.refused(source=source) == "secret-found"


def test_a_secret_in_an_asset_or_in_the_data_of_the_wasm_is_refused(bench: Bench) -> None:
    bench.write("assets/config.json", json.dumps({"key": token()}))
    bench.write("app.wasm", with_data(b"\1\2" + token().encode() + b"\0\3"))

    package = bench.package()

    places = {item.target for item in package.secrets}
    assert places == {"assets/config.json", "app.wasm", "app.wasm.strings.txt"}
    assert bench.refused(package=package) == "secret-found"


def test_a_secret_in_a_binary_asset_or_behind_a_zero_byte_is_refused(bench: Bench) -> None:
    bench.write("src/main.ts", b"\0\n// " + token().encode())
    bench.write(
        "assets/a.png",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0tEXtComment\0" + token().encode() + b"\0\xff",
    )

    source, package = bench.source(), bench.package()

    assert {item.target for item in source.secrets} == {"src/main.ts", "assets/a.png"}
    assert {item.target for item in package.secrets} == {"assets/a.png"}
    assert bench.refused(source=source) == bench.refused(package=package) == "secret-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One tree with all that is wrong with any, scanned once."""

    bench: Bench
    bill: dict[str, object]
    source: Scan
    listed: Scan

    def only(self, name: str) -> Scan:
        """What was found in one file of the source."""
        return self.source.where(lambda target: target == name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, scanner: Scanner) -> Whole:
    folder = tmp_path_factory.mktemp("whole") / "project"
    bench = Bench(project=project_at(folder), scanner=scanner)
    for name, text in WRONG.items():
        bench.write(name, text)
    source = bench.source()
    bill = bench.bill(source)
    return Whole(bench=bench, bill=bill, source=source, listed=bench.listed(bill))


@pytest.mark.parametrize(
    ("name", "purl", "vulnerability"),
    [
        ("npm/package-lock.json", "pkg:npm/minimist@1.2.5", "CVE-2021-44906"),
        ("Cargo.lock", "pkg:cargo/time@0.1.43", "RUSTSEC-2020-0071"),
        ("uv.lock", "pkg:pypi/requests@2.19.0", "CVE-2018-18074"),
        ("requirements.txt", "pkg:pypi/requests@2.19.0", "CVE-2018-18074"),
        ("go.mod", "pkg:golang/golang.org/x/text@v0.3.0", "CVE-2021-38561"),
        ("go.mod", "pkg:golang/example.com/mixed/dep@v1.2.3", "EX-2026-0001"),
        ("vendor/a.cdx.json", "pkg:npm/minimist@1.2.5", "CVE-2021-44906"),
    ],
)
def test_a_vulnerable_package_in_a_lock_file_is_refused(
    whole: Whole, name: str, purl: str, vulnerability: str
) -> None:
    source, listed = (
        replace(scan, findings=tuple(each for each in scan.findings if each.purl == purl))
        for scan in (whole.only(name), whole.listed)
    )

    found = whole.bench.predicate(source=source, sbom=listed).findings
    assert {(item.id, item.package, item.source) for item in found} == {
        (vulnerability, purl, f"source:{name}"),
        (vulnerability, purl, "sbom"),
    }
    assert whole.bench.refused(source=source) == "vulnerability-threshold"
    assert whole.bench.refused(sbom=listed) == "vulnerability-threshold"


@pytest.mark.parametrize("name", ["gpl/package-lock.json", "src/a.c", "assets/a.html"])
def test_a_licence_is_refused_where_it_is_denied(whole: Whole, name: str) -> None:
    assert whole.bench.refused(source=whole.only(name)) == "license-denied"


def test_the_licence_of_a_package_is_in_the_bill(whole: Whole) -> None:
    components: Any = whole.bill["components"]

    licenses = {each["name"]: each.get("licenses") for each in components}
    assert licenses["left-pad"] == [{"license": {"id": "GPL-3.0-only"}}]
    assert licenses["time"] is None


def test_a_setting_is_refused(whole: Whole) -> None:
    source = whole.only("deploy/Dockerfile")

    assert whole.bench.refused(source=source) == "misconfiguration-found"


def test_what_a_go_program_was_built_from_is_looked_up(bench: Bench) -> None:
    text = GO_LIST.encode().join(GO_MARKS)
    producer = b"\1\x0cprocessed-by\1\x0eGo cmd/compile\x08go1.26.8"
    bench.write("app.wasm", with_custom(b"producers", producer, with_data(b"\0" + text + b"\0")))

    scan = bench.package()

    assert {(item.id, item.purl, item.target) for item in scan.findings} == {
        ("CVE-2021-38561", "pkg:golang/golang.org/x/text@v0.3.0", "app.wasm"),
        ("EX-2026-0001", "pkg:golang/example.com/mixed/dep@v1.2.3", "app.wasm"),
        ("EX-2026-0002", "pkg:golang/stdlib@v1.26.8", "app.wasm"),
    }


def test_a_program_that_go_built_says_what_it_was_built_from(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "go"
    (source / "dep").mkdir(parents=True)
    (source / "go.mod").write_text(
        "module example.com/a\n\ngo 1.21\n\nrequire example.com/Mixed/dep v1.2.3\n\n"
        "replace example.com/Mixed/dep => ./dep\n"
    )
    (source / "dep/go.mod").write_text("module example.com/Mixed/dep\n\ngo 1.21\n")
    (source / "dep/dep.go").write_text("package dep\n\nfunc Say() { println(1) }\n")
    (source / "main.go").write_text(
        'package main\n\nimport "example.com/Mixed/dep"\n\nfunc main() { dep.Say() }\n'
    )
    wanted = {"GOOS": "wasip1", "GOARCH": "wasm", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run(
        [build_tool.go(), "build", "-trimpath", "-ldflags=-s -w", "-o", tmp_path / "app.wasm", "."],
        cwd=source,
        env=dict(os.environ) | wanted,
        check=True,
    )

    listed = golang.modules((tmp_path / "app.wasm").read_bytes())

    assert [each.path for each in listed] == ["example.com/Mixed/dep", "stdlib"]
    found = bench.listed(golang.bill_of(listed)).findings
    assert {item.id for item in found} == {"EX-2026-0001", "EX-2026-0002"}


def test_a_list_of_modules_that_cannot_be_read_is_incomplete(bench: Bench) -> None:
    bench.write("app.wasm", with_data(b"dep\tno version\n".join(GO_MARKS)))

    with pytest.raises(MinisealError) as error:
        bench.package()

    assert error.value.code == "scan-incomplete"


def test_a_list_of_crates_that_the_scanner_cannot_read_is_incomplete(bench: Bench) -> None:
    bench.write("app.wasm", with_custom(b".dep-v0", b"not compressed"))

    with pytest.raises(MinisealError) as error:
        bench.package()

    assert (error.value.code, error.value.found) == ("scan-incomplete", "app.wasm")


def test_a_bill_that_is_shipped_is_read(bench: Bench) -> None:
    bench.write("assets/bundle.cdx.json", json.dumps(CDX))

    scan = bench.package()

    assert [(item.id, item.target) for item in scan.findings] == [
        ("CVE-2021-44906", "assets/bundle.cdx.json")
    ]
    assert [(item.package, item.name) for item in scan.licenses] == [("minimist", "GPL-2.0-only")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.cdx.json", json.dumps(CDX)[:-9]),
        ("a.spdx", "nothing like it"),
        ("a.cdx.json", json.dumps({"bomFormat": "Other"})),
        ("a.cdx.json", json.dumps(CDX).replace('"name": "minimist"', '"name": "harmless"')),
        ("bom.xml", '<bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>'),
        ("npm-shrinkwrap.json", NPM_LOCK),
        ("pdm.lock", '[[package]]\nname = "a"\n'),
        ("requirements.txt", "requests>=2\n"),
        ("Dockerfile", "FROM one two\nRUN x\n"),
        ("main.tf", 'resource "a" {\n'),
    ],
)
def test_a_file_that_the_scanner_does_not_read_is_incomplete(
    bench: Bench, name: str, text: str
) -> None:
    bench.write(name, text)

    with pytest.raises(MinisealError) as error:
        bench.source()

    assert error.value.code == "scan-incomplete"
    assert name in str(error.value)


GPL = "/usr/share/common-licenses/GPL-3"


def test_a_licence_s_text_is_known_whatever_the_file_is_called(bench: Bench) -> None:
    names = ["COPYING", "src/LICENSE-GPL", "assets/node_modules/a/notice"]
    for name in names:
        bench.write(name, Path(GPL).read_bytes())

    found = {(item.target, item.name, item.severity) for item in bench.source().licenses}

    assert found == {(name, "GPL-3.0", "high") for name in names}


def test_files_in_the_tree_configure_nothing(bench: Bench) -> None:
    bench.write("package-lock.json", NPM_LOCK)
    bench.write("src/key.ts", f"// trivy:ignore:github-pat gitleaks:allow\nlet a = '{token()}';\n")
    bench.write("Dockerfile", "FROM debian:12\nUSER root\n")
    bench.write("src/a.c", "/* SPDX-License-Identifier: GPL-2.0-or-later */\n")
    before = bench.source()
    rego = "package trivy\n\ndefault ignore = true\n"
    configuration: dict[str, str] = {
        "trivy.yaml": "severity: [LOW]\nscan: {skip-dirs: ['**'], skip-files: ['**']}\n"
        "format: template\ntemplate: '@html.tpl'\nignore-policy: ignore.rego\nexit-code: 0\n",
        ".trivyignore": "CVE-2021-44906\nDS-0002\ngithub-pat\nGPL-2.0-or-later\n",
        ".trivyignore.yaml": "vulnerabilities: [{id: CVE-2021-44906}]\n"
        "misconfigurations: [{id: DS-0002}]\nsecrets: [{id: github-pat}]\n",
        "trivy-secret.yaml": "disable-rules: [github-pat]\nallow-rules: [{id: a, path: .*}]\n",
        "ignore.rego": rego,
        ".trivy/policy/ignore.rego": rego,
        "html.tpl": "{{ range . }}{{ end }}",
        "contrib/html.tpl": "{{ define }}",
        ".vex/openvex.json": json.dumps({"@context": "https://openvex.dev/ns/v0.2.0"}),
        "openvex.json": json.dumps(
            {
                "@context": "https://openvex.dev/ns/v0.2.0",
                "@id": "https://example.com/1",
                "author": "a",
                "timestamp": "2026-01-01T00:00:00Z",
                "version": 1,
                "statements": [
                    {
                        "vulnerability": {"name": "CVE-2021-44906"},
                        "products": [{"@id": "pkg:npm/minimist@1.2.5"}],
                        "status": "not_affected",
                        "justification": "vulnerable_code_not_present",
                    }
                ],
            }
        ),
    }
    for name, text in configuration.items():
        bench.write(name, text)

    assert bench.source() == before
    assert [item.id for item in before.findings] == ["CVE-2021-44906"]
    assert [item.target for item in before.secrets] == ["src/key.ts"]
    assert "DS-0002" in {item.id for item in before.misconfigurations}


@pytest.mark.parametrize("comment", ["trivy:ignore:DS-0002", "tfsec:ignore:*", "Trivy:Ignore:*"])
def test_a_comment_in_a_file_switches_no_check_off(bench: Bench, comment: str) -> None:
    text = f"# {comment}\nFROM debian:12\n# {comment}\nUSER root\n"
    bench.write("Dockerfile", text)

    assert "DS-0002" in {item.id for item in bench.source().misconfigurations}
    assert (bench.project / "Dockerfile").read_text() == text


def test_the_environment_configures_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("package-lock.json", NPM_LOCK)
    for name, text in {
        "TRIVY_SKIP_FILES": "**",
        "TRIVY_SEVERITY": "LOW",
        "TRIVY_SCANNERS": "secret",
        "TRIVY_CONFIG": str(bench.project / "trivy.yaml"),
    }.items():
        monkeypatch.setenv(name, text)

    assert [item.id for item in bench.source().findings] == ["CVE-2021-44906"]


def test_a_scanner_gets_no_token_and_no_network(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = secrets.token_hex(8)
    for name in ("GITHUB_TOKEN", "TRIVY_TOKEN", "MINISEAL_KEY", "HOME"):
        monkeypatch.setenv(name, marked)
    fake = tmp_path / "trivy"
    fake.write_text(f"#!/bin/sh\nenv >&2\nls -d {tmp_path} >&2\ncat /proc/net/dev >&2\nexit 3\n")
    fake.chmod(0o755)
    found = Trivy.locate(fake, search="", pinned=pin(fake))

    with pytest.raises(MinisealError) as error:
        replace(bench, scanner=replace(bench.scanner, trivy=found)).source()

    assert error.value.code == "scanner-failed"
    assert "PATH=" in error.value.message
    assert marked not in error.value.message
    assert f"{tmp_path}\n" not in error.value.message
    interfaces = [
        line.split(":")[0].strip() for line in error.value.message.splitlines() if ":" in line
    ]
    assert "lo" in interfaces
    assert not {"eth0", "ens3", "enp1s0"}.intersection(interfaces)


def _trivy_of_this_process() -> int | None:
    """The id of a scanner that descends from this process."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if (entry / "exe").resolve().name == "trivy" and _descends(int(entry.name)):
                return int(entry.name)
    return None


def _descends(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


@pytest.mark.parametrize("signal", [9, 15])
def test_a_scanner_that_is_killed_is_no_pass(bench: Bench, signal: int) -> None:
    async def killed() -> Scan:
        scan = asyncio.ensure_future(scan_source(bench.scanner, bench.project))
        while not scan.done():
            if (pid := _trivy_of_this_process()) is not None:
                os.kill(pid, signal)
            await asyncio.sleep(0.01)
        return scan.result()

    with pytest.raises(MinisealError) as error:
        asyncio.run(killed())

    assert error.value.code == "scanner-failed"


def settings(trivy: Path, made: Database, **changes: Any) -> ScanSettings:
    own = ScanSettings(trivy=trivy, search="", database=Folder(path=made.folder), max_age=7 * DAY)
    return replace(own, **changes)


def opened(settings: ScanSettings, pinned: lock.Scanner, engine: LocalEngine, now: int) -> str:
    with pytest.raises(MinisealError) as error:
        open_scanner(settings, pinned, engine, now=now)
    return error.value.code


def test_the_pinned_scanner_is_opened(
    trivy: Path, database: Database, engine: LocalEngine, examples: Path
) -> None:
    pinned = Lock.from_toml((examples / "tip" / "miniseal.lock").read_bytes()).scanner

    found = open_scanner(settings(trivy, database), pinned, engine, now=NOW)

    assert found.trivy.digest in pinned.digests
    assert found.database == database


def test_another_scanner_is_not_pinned(
    trivy: Path, database: Database, engine: LocalEngine, tmp_path: Path
) -> None:
    other = tmp_path / "trivy"
    other.write_text("#!/bin/sh\n")

    code = opened(settings(other, database), pin(trivy), engine, NOW)

    assert code == "scanner-not-pinned"


@pytest.mark.parametrize("released", [NOW - 6 * DAY, NOW + DAY])
def test_a_scanner_of_this_week_is_too_new(
    trivy: Path, database: Database, engine: LocalEngine, released: int
) -> None:
    pinned = replace(pin(trivy), released=released)

    assert opened(settings(trivy, database), pinned, engine, NOW) == "scanner-too-new"
    open_scanner(settings(trivy, database, min_age=-2 * DAY), pinned, engine, now=NOW)


def test_a_denied_scanner_does_not_run_although_it_is_pinned(
    trivy: Path, database: Database, engine: LocalEngine
) -> None:
    denied = frozenset({file_digest(trivy)})

    code = opened(settings(trivy, database, denied=denied), pin(trivy), engine, NOW)

    assert code == "scanner-denied"


@pytest.mark.parametrize("now", [MADE + 8 * DAY, MADE - DAY])
def test_a_database_that_is_too_old_or_from_the_future(
    trivy: Path, database: Database, engine: LocalEngine, now: int
) -> None:
    assert opened(settings(trivy, database), pin(trivy), engine, now) == "database-stale"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{folder}/nothing", "database-missing"),
        ("{folder}@sha256:" + "0" * 64, "database-not-pinned"),
        ("oci:{layout}@sha256:" + "0" * 64, "content-missing"),
        ("oci:{layout}/nothing@{digest}", "content-missing"),
    ],
)
def test_a_database_that_is_missing_or_another_one(
    trivy: Path,
    database: Database,
    engine: LocalEngine,
    tmp_path: Path,
    text: str,
    code: str,
) -> None:
    digest = artifact.push(LayoutStore(tmp_path / "layout"), database).digest
    words = text.format(folder=database.folder, layout=tmp_path / "layout", digest=digest)
    source = parse(words, cache=tmp_path / "cache")

    assert opened(settings(trivy, database, database=source), pin(trivy), engine, NOW) == code


def test_a_database_that_was_tampered_with_in_a_store(
    trivy: Path, database: Database, engine: LocalEngine, tmp_path: Path
) -> None:
    pushed = artifact.push(LayoutStore(tmp_path / "layout"), database)
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    layer = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    layer.write_bytes(layer.read_bytes()[:-1] + b"\x55")
    source = parse(f"oci:{tmp_path / 'layout'}@{pushed.digest}", cache=tmp_path / "cache")

    code = opened(settings(trivy, database, database=source), pin(trivy), engine, NOW)

    assert code == "digest-mismatch"


def test_a_database_from_a_store_finds_the_same(
    bench: Bench, database: Database, tmp_path: Path
) -> None:
    bench.write("package-lock.json", NPM_LOCK)
    pushed = artifact.push(LayoutStore(tmp_path / "layout"), database)
    source = parse(f"oci:{tmp_path / 'layout'}@{pushed.digest}", cache=tmp_path / "cache")
    other = replace(bench, scanner=replace(bench.scanner, database=source.open()))

    assert other.source() == bench.source()


def test_the_same_inputs_give_the_same_bill_and_the_same_findings(
    bench: Bench, tmp_path: Path
) -> None:
    bench.write("package-lock.json", NPM_LOCK)
    bench.write("uv.lock", UV_LOCK)
    bench.write("Dockerfile", "FROM debian:12\n")
    bench.write("app.wasm", with_data(GO_LIST.encode().join(GO_MARKS)))
    shutil.copytree(bench.project, tmp_path / "another" / "place")
    other = replace(bench, project=tmp_path / "another" / "place")

    scans = [{"source": place.source(), "package": place.package()} for place in (bench, other)]
    one, two = (bench.bill(*each.values()) for each in scans)
    first, last = (bench.predicate(NOW + at, **each) for at, each in enumerate(scans))

    assert json.dumps(one).encode() == json.dumps(two).encode()
    assert scans[0] == scans[1]
    assert first != last
    times = {"started_on": first.started_on, "finished_on": first.finished_on}
    assert first == replace(last, **times)


def _many(bench: Bench) -> None:
    lines = "".join(f"requests-{number}==1.0\n" for number in range(20_000))
    bench.write("requirements.txt", lines)


def _long(bench: Bench) -> None:
    bench.write("src/long.txt", "a b " * 1_000_000)


@pytest.mark.parametrize("make", [_many, _long])
def test_a_large_tree_is_scanned_in_bounds(bench: Bench, make: Callable[[Bench], None]) -> None:
    make(bench)

    scan = bench.source()

    assert scan.findings == ()
