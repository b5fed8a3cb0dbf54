"""Reports of releases that never were: one that went well, one that failed, one with nothing to do.

Built from the real event, statement and verdict types, with a clock of their own, so that a page
made from them is the same each time. From the folder of the tests, `python -m kit.reports FOLDER`
writes the pages, and `python -m kit.reports ../docs/how-to` the picture of one in the guide.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.packages import NOW, package
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor
from miniseal.formats.predicates import provenance, sbom, scai, test_result, vulns
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.times import to_text
from miniseal.pipeline.engines.engine import Description, Image
from miniseal.pipeline.events import Events
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.model import Report, Subject
from miniseal.pipeline.report.recorder import Recorder
from miniseal.pipeline.steps.gate import SECRET_FOUND
from miniseal.pipeline.trivy.report import License, Misconfiguration, Scan, Secret
from miniseal.verifier.host.record import Grants
from miniseal.verifier.signatures.signatory import Signatory
from miniseal.verifier.verdict import Verdict, Verified
from miniseal.verifier.vex import Suppressed

__all__ = ["APP", "GRAPH", "REPORTS", "failed", "interrupted", "played", "released", "unchanged"]

APP = "com.example.tip"
GRAPH = tuple(
    GraphNode(name=name, needs=tuple(needs.split()), does=does)
    for name, needs, does in (
        ("resolve", "", "reads the source tree and its digest"),
        ("fetch", "resolve", "downloads the toolchain, by hash"),
        ("build", "resolve fetch", "compiles the source to wasm, isolated"),
        ("pack", "resolve build", "checks imports and permissions, makes the package"),
        ("rebuild", "resolve build fetch", "builds again elsewhere and compares"),
        ("fetch-runner", "resolve", "downloads what runs the tests, by hash"),
        ("test", "resolve build fetch-runner", "calls the program with expected results"),
        ("scanner", "resolve", "checks the scanner and the age of its database"),
        ("scan-source", "resolve scanner", "scans the source tree and its lock files"),
        ("sbom", "resolve pack scan-source", "lists every part that is shipped and every tool"),
        ("scan-package", "pack scanner", "scans what is shipped, the wasm's strings included"),
        ("scan-sbom", "sbom scanner", "scans the components of the SBOM"),
        ("origin", "resolve", "asks git which commit the source is"),
        (
            "gate",
            "pack rebuild test scanner scan-source scan-package scan-sbom",
            "holds what was found against the thresholds",
        ),
        (
            "attest",
            "build pack test sbom origin gate",
            "says what was found, as in-toto statements",
        ),
        ("sign", "attest", "signs each statement"),
        ("push", "pack sign", "writes content and evidence by digest"),
        ("verify", "push", "asks the host's own verifier"),
        ("tag", "verify", "lets the tags name it"),
    )
)
_PACKAGE = sha256(b"package")
_WASM = sha256(b"wasm")
_KEY = sha256(b"key")
_SUBJECTS = (
    Subject(name="package", digest=_PACKAGE, tag="1.2.0", purpose="what hosts verify and load"),
    Subject(name="wasm artifact", digest=sha256(b"w"), tag="1.2.0-wasm", purpose="for wasm tools"),
    Subject(name="image", digest=sha256(b"i"), tag="1.2.0-image", purpose="for container runtimes"),
    Subject(name="app.wasm", digest=_WASM, purpose="the same bytes in all three"),
)
_RESOLVED = {"app": APP, "version": "1.2.0", "source": sha256(b"source"), "files": 12}


class _Clock:
    """A clock that moves by what the story says."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def played(*lines: tuple[float, str, str, Mapping[str, object]]) -> Recorder:
    """A recorder of events: seconds since the last one, step, what happened, data."""
    recorder, clock = Recorder(), _Clock()
    events = Events(recorder, clock)
    for seconds, step, event, data in lines:
        clock.now += seconds
        events.emit(step, event, **data)  # type: ignore[arg-type] # the words of the story
    return recorder


def released() -> Report:
    """All went well, with findings, VEX, a warning and cached steps."""
    findings = _findings()
    return Report(
        recorder=played(
            (0, "resolve", "started", {}),
            (0.2, "resolve", "finished", _RESOLVED),
            (0, "fetch", "started", {}),
            (0, "origin", "started", {}),
            (0, "scanner", "started", {}),
            (0.1, "scanner", "finished", {"scanner": "0.76.0", "database": sha256(b"database")}),
            (0, "scan-source", "started", {}),
            (0.3, "origin", "finished", {"commit": "4f1fcd5b8e"}),
            (0.9, "fetch", "finished", {"tools": "assemblyscript, binaryen, long"}),
            (0, "build", "started", {}),
            (1.1, "build", "output", {"text": "asc src/index.ts --optimize"}),
            (2.8, "build", "finished", {"wasm": _WASM, "bytes": 3301}),
            (0.02, "pack", "started", {}),
            (0.03, "pack", "output", {"text": "warning: permission storage is asked for, unused"}),
            (0.01, "pack", "finished", {"package": _PACKAGE}),
            (0, "rebuild", "started", {}),
            (0, "test", "cached", {"passed": 4}),
            (0.1, "scan-package", "started", {}),
            (1.7, "scan-source", "finished", {"packages": 3, "findings": 3, "secrets": 0}),
            (0, "sbom", "started", {}),
            (0.4, "sbom", "finished", {"components": 9}),
            (0, "scan-sbom", "started", {}),
            (0.8, "scan-package", "finished", {"packages": 0, "findings": 0}),
            (1.0, "rebuild", "finished", {"result": "same bytes"}),
            (0.3, "scan-sbom", "finished", {"packages": 7, "findings": 3}),
            (0, "gate", "started", {}),
            (0.04, "gate", "finished", {"findings": 3, "suppressed": 1, "fail_on": "high"}),
            (0, "attest", "started", {}),
            (0.03, "attest", "finished", {"statements": 6}),
            (0, "sign", "started", {}),
            (0.05, "sign", "finished", {"bundles": 6, "key": "PvX1…"}),
            (0, "push", "started", {}),
            (0.3, "push", "finished", {"blobs": 9, "package": _PACKAGE}),
            (0, "verify", "started", {}),
            (0.2, "verify", "finished", {"evidence": 6}),
            (0, "tag", "started", {}),
            (0.05, "tag", "finished", {"tags": "1.2.0-wasm, 1.2.0-image, 1.2.0"}),
        ),
        graph=GRAPH,
        app=APP,
        title="Tip",
        version="1.2.0",
        destination="oci:registry",
        subjects=_SUBJECTS,
        statements=_statements(findings),
        scans=_scans(),
        suppressed=(
            Suppressed(
                finding=findings[0],
                reason="not_affected",
                justification="vulnerable_code_not_in_execute_path",
                impact_statement="merge() is never called with what a user typed",
                since="2026-11-12T08:00:00Z",
                documents=("https://acme.example/vex/2026-0007",),
                signers=("security-team",),
            ),
        ),
        verdict=_verdict(),
        own_policy=True,
        signer="PvX1",
        engine=Description(
            name="dagger",
            isolation="dockerfile-network-none",
            version="0.21.8",
            images=(Image(name="docker.io/library/debian", digest=sha256(b"debian")),),
        ),
    )


def failed(said: str = "compiling assembly/index.ts") -> Report:
    """The gate said no while nothing else ran; a step had been stopped."""
    error = SECRET_FOUND(
        "1 possible secret",
        found="github-pat in source: src/config.ts line 3",
        expected="none",
    )
    return Report(
        recorder=played(
            (0, "resolve", "started", {}),
            (0.2, "resolve", "finished", _RESOLVED),
            (0, "fetch", "cached", {"tools": "assemblyscript, binaryen, long"}),
            (0, "origin", "started", {}),
            (0, "scanner", "started", {}),
            (0.1, "scanner", "finished", {"scanner": "0.76.0"}),
            (0, "scan-source", "cached", {"packages": 3, "findings": 3, "secrets": 1}),
            (0.3, "origin", "finished", {}),
            (0, "build", "cached", {"wasm": _WASM, "bytes": 3301}),
            (0.02, "pack", "started", {}),
            (0.04, "pack", "finished", {"package": _PACKAGE}),
            (0, "test", "started", {}),
            (0, "sbom", "cached", {"components": 9}),
            (0, "scan-package", "cached", {"packages": 0, "findings": 0}),
            (0, "scan-sbom", "cached", {"packages": 7, "findings": 3}),
            (0, "rebuild", "cached", {"result": "same bytes"}),
            (0.2, "gate", "started", {}),
            (0.01, "gate", "output", {"text": said}),
            (0.01, "gate", "output", {"text": "3 vulnerabilities, 1 likely secret"}),
            (0.02, "gate", "failed", {"error": error.to_json()}),
            (0.01, "test", "failed", {"error": _INTERRUPTED.to_json()}),
        ),
        graph=GRAPH,
        app=APP,
        title="Tip",
        version="1.2.0",
        destination="oci:registry",
        subjects=_SUBJECTS,
        vulns=_vulns(_findings()),
        scans=_scans(
            Secret(target="src/config.ts", line=3, rule="github-pat", severity="critical")
        ),
        engine=Description(name="local", isolation=None),
        again="miniseal release . --to oci:registry --key publisher.key --report report.html",
    )


def unchanged() -> Report:
    """Everything was published before; most steps were not needed."""
    return Report(
        recorder=played(
            (0, "resolve", "started", {}),
            (0.1, "resolve", "finished", _RESOLVED),
            (0, "build", "cached", {"wasm": _WASM, "bytes": 3301}),
            (0, "pack", "started", {}),
            (0.03, "pack", "finished", {"package": _PACKAGE}),
            (0.2, "publish", "cached", {"package": _PACKAGE}),
        ),
        graph=GRAPH,
        app=APP,
        title="Tip",
        version="1.2.0",
        destination="oci:registry",
        subjects=_SUBJECTS,
        verdict=_verdict(),
        unchanged=True,
    )


def interrupted() -> Report:
    """Somebody pressed Ctrl-C early: there is hardly anything to show."""
    return Report(
        recorder=played(
            (0, "resolve", "started", {}),
            (0.2, "resolve", "finished", _RESOLVED),
            (0, "fetch", "started", {}),
            (7, "fetch", "failed", {"error": _INTERRUPTED.to_json()}),
        ),
        graph=GRAPH,
    )


REPORTS = {
    "released": released,
    "failed": failed,
    "unchanged": unchanged,
    "interrupted": interrupted,
}
_INTERRUPTED = MinisealError("interrupted", "interrupted")


def _findings() -> tuple[vulns.Finding, ...]:
    lodash = "pkg:npm/lodash@4.17.20"
    known = (
        ("CVE-2026-21001", "high", lodash, "4.17.20", "4.17.21"),
        ("CVE-2026-30442", "medium", "pkg:npm/%40acme/money@2.1.0", "2.1.0", None),
        ("GHSA-9qxr-qj54-h672", "low", "pkg:npm/long@4.0.0", "4.0.0", "4.0.1, 5.2.4"),
    )
    return tuple(
        vulns.Finding(
            id=name, severity=severity, package=url, installed=installed, fixed=fixed, source=place
        )
        for name, severity, url, installed, fixed in known
        for place in ("source:package-lock.json", "sbom")
    )


def _vulns(findings: tuple[vulns.Finding, ...]) -> vulns.Vulns:
    return vulns.Vulns(
        scanner_uri=f"pkg:generic/trivy@0.76.0?checksum={sha256(b'trivy')}",
        scanner_version="0.76.0",
        database_uri=f"pkg:generic/trivy-db@2?checksum={sha256(b'database')}",
        database_version="2",
        database_updated="2026-11-20T06:12:09Z",
        findings=findings,
        started_on=to_text(NOW),
        finished_on=to_text(NOW + 9),
    )


def _scans(*secrets: Secret) -> dict[str, Scan]:
    return {
        "source": Scan(
            secrets=secrets,
            licenses=(
                License(target="package-lock.json", package="lodash", name="MIT", severity="low"),
                License(
                    target="package-lock.json", package="long", name="Apache-2.0", severity="low"
                ),
                License(target="LICENSE", package="", name="Apache-2.0", severity="low"),
            ),
            misconfigurations=(
                Misconfiguration(
                    target="deploy/Dockerfile",
                    id="DS-0002",
                    title="Image user should not be root",
                    severity="medium",
                ),
            ),
        ),
        "package": Scan(),
        "sbom": Scan(),
    }


def _statements(findings: tuple[vulns.Finding, ...]) -> tuple[dict[str, Any], ...]:
    predicates: tuple[tuple[str, Mapping[str, object]], ...] = (
        (provenance.PREDICATE_TYPE, _provenance()),
        (sbom.PREDICATE_TYPE, _bill()),
        (vulns.PREDICATE_TYPE, _vulns(findings).to_json()),
        (test_result.PREDICATE_TYPE, _checked("pipeline", "coverage", "rebuild", "secrets")),
        (test_result.PREDICATE_TYPE, _checked("program", "program")),
        (scai.PREDICATE_TYPE, _reach()),
    )
    names = (APP, f"{APP}-wasm", f"{APP}-image", "app.wasm")
    return tuple(
        {"predicateType": kind, "predicate": predicate, "subject": [{"name": n} for n in names]}
        for kind, predicate in predicates
    )


def _provenance() -> dict[str, object]:
    return provenance.Provenance(
        build_type="https://miniseal.dev/build-types/mini-program@v1",
        builder_id="https://miniseal.dev/builders/local@v1",
        external_parameters={"toolchain": {"name": "assemblyscript", "version": "0.28.20"}},
        internal_parameters={"isolation": "dockerfile-network-none", "network": False},
        dependencies=(
            Resource(
                name="source",
                uri="https://git.example/acme/tip",
                digest={"sha256": sha256(b"source")[7:], "gitCommit": "4f1fcd5b8e21" + "0" * 28},
            ),
            Resource(
                name="assemblyscript",
                uri="https://miniseal.dev/toolchains/assemblyscript",
                digest={"sha256": sha256(b"lock")[7:]},
            ),
            Resource(
                name="binaryen",
                uri="pkg:npm/binaryen@123.0.0",
                digest={"sha512": sha256(b"a")[7:] + sha256(b"b")[7:]},
            ),
            Resource(
                name="wasmtime",
                uri="pkg:pypi/wasmtime@50.0.1",
                annotations={"accepted_sha256": [sha256(b"1")[7:], sha256(b"2")[7:]]},
            ),
        ),
        invocation_id="urn:uuid:4f1fcd5b-8e21-4c3e-9d2a-111111111111",
        started_on=to_text(NOW + 1),
        finished_on=to_text(NOW + 5),
    ).to_json()


def _bill() -> dict[str, object]:
    def part(url: str, name: str, version: str, license_: str, scope: str) -> dict[str, object]:
        return {
            "type": "library",
            "name": name,
            "version": version,
            "purl": url,
            "scope": scope,
            "licenses": [{"license": {"id": license_}}],
        }

    def file(name: str) -> dict[str, object]:
        hashes = [{"alg": "SHA-256", "content": sha256(name.encode())[7:]}]
        return {"type": "file", "name": name, "hashes": hashes}

    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"type": "application", "name": APP, "version": "1.2.0"}},
        "components": [
            file("app.wasm"),
            file("assets.tar"),
            part("pkg:npm/lodash@4.17.20", "lodash", "4.17.20", "MIT", "required"),
            part("pkg:npm/%40acme/money@2.1.0", "@acme/money", "2.1.0", "MIT", "required"),
            part("pkg:npm/long@4.0.0", "long", "4.0.0", "Apache-2.0", "required"),
            part("pkg:npm/assemblyscript@0.28.20", "assemblyscript", "0.28.20", "MIT", "excluded"),
            part("pkg:npm/binaryen@123.0.0", "binaryen", "123.0.0", "Apache-2.0", "excluded"),
        ],
    }


def _checked(name: str, *passed: str) -> dict[str, object]:
    configuration = Resource(
        name=name,
        uri=f"https://miniseal.dev/checks/{name}@v1",
        digest={"sha256": _PACKAGE[7:]},
    )
    return test_result.TestResult(
        result="PASSED", configuration=(configuration,), passed=passed
    ).to_json()


def _reach() -> dict[str, object]:
    return scai.Scai(
        attributes=(
            scai.Attribute(
                attribute="IMPORTS", conditions={"module": "env", "functions": ["abort", "seed"]}
            ),
            scai.Attribute(
                attribute="IMPORTS",
                conditions={"module": "host:storage/kv@1.0.0", "functions": ["get", "set"]},
            ),
            scai.Attribute(attribute="NO_OTHER_IMPORTS"),
        )
    ).to_json()


def _verdict() -> Verdict:
    kinds = (
        *(provenance.PREDICATE_TYPE, sbom.PREDICATE_TYPE, vulns.PREDICATE_TYPE),
        *(test_result.PREDICATE_TYPE, test_result.PREDICATE_TYPE, scai.PREDICATE_TYPE),
    )
    return Verdict(
        config=package(APP, code=3, version="1.2.0").config,
        package=Descriptor(
            media_type="application/vnd.oci.image.manifest.v1+json", digest=_PACKAGE, size=800
        ),
        namespace="com.example.*",
        grants=Grants(permissions=(), interfaces=(), network_hosts=(), limits={}),
        evidence=tuple(
            Verified(
                bundle=sha256(f"bundle {at}".encode()),
                size=3000,
                predicate_type=kind,
                signers=("publisher",),
                signatory=Signatory(id=_KEY),
            )
            for at, kind in enumerate(kinds)
        ),
        suppressed=(),
        policy_serial=12,
        policy_digest=sha256(b"policy"),
        trust_digest=None,
        verified_at=NOW + 10,
        ends_at=NOW + 13 * 86400,
    )


def _main(folder: Path) -> None:
    """Write the pages; of the guide's folder, the picture alone."""
    from kit.browser import Browser  # only here
    from miniseal.pipeline.report.page import render  # needs a template engine

    if folder.name != "how-to":
        for name, make in REPORTS.items():
            (folder / f"{name}.html").write_text(render(make()), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as scratch, Browser() as browser:
        path = Path(scratch) / "report.html"
        path.write_text(render(released()), encoding="utf-8")
        with browser.open(path, width=1080) as page:
            (folder / "report.png").write_bytes(page.screenshot(height=1180))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
