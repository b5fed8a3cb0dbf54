"""What is in an installation of the wheel that runs this, and what the scanner knows of it.

    findings.py --wheel FILE --database REFERENCE --trivy FILE -o FOLDER

It writes sbom.json (CycloneDX) and vulns.json (in-toto vulns), and refuses what a release may not
have. The bill lists the environment that it runs in: nothing but the wheel with all of its extras,
at the versions of the lock. The scan is Miniseal's own: the pinned scanner, offline, in the
sandbox, and shown to have seen what it was given.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from miniseal.formats.digest import sha256
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.reference import Reference
from miniseal.packager import lock
from miniseal.pipeline.engines.local import LocalEngine, detect
from miniseal.pipeline.steps.gate import SECRET_FOUND
from miniseal.pipeline.steps.scan import ScanSettings, open_scanner, predicate_of, scan_bill
from miniseal.pipeline.trivy.run import Scanner
from miniseal.pipeline.trivy.scan import Scan
from miniseal.pipeline.trivy.source import parse
from miniseal.registry import open_store
from miniseal.verifier.thresholds import check_severity

__all__ = ["FAIL_ON", "bill", "main", "pinned", "scan"]

FAIL_ON = "high"
"""The mildest severity that stops a release."""
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://miniseal.dev/distributions/v1")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_DAY = 86400


def bill(wheel: Path) -> dict[str, Any]:
    """The CycloneDX 1.6 document of this environment; the same bytes each time."""
    digest = sha256(wheel.read_bytes())
    installed = {_normal(each.name): each for each in metadata.distributions()}
    parts = {name: _component(name, each) for name, each in sorted(installed.items())}
    main = parts.pop("miniseal")
    main.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:")))
    bom = Bom(
        serial_number=uuid.uuid5(_NAMESPACE, digest),
        metadata=BomMetaData(component=main),
        components=parts.values(),
    )
    for name, component in {"miniseal": main, **parts}.items():
        named = {_normal(_NAME.match(text)[0]) for text in installed[name].requires or ()}  # type: ignore[index]
        bom.register_dependency(component, [parts[each] for each in sorted(named & parts.keys())])
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    return document


def _component(name: str, installed: metadata.Distribution) -> Component:
    url = PackageURL("pypi", None, name, installed.version)
    expression = installed.metadata.json.get("license_expression")
    return Component(
        bom_ref=url.to_string(),
        name=name,
        version=installed.version,
        purl=url,
        type=ComponentType.LIBRARY,
        licenses=[LicenseExpression(str(expression))] if expression else [],
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(database: str) -> str:
    """A database in a registry by the digest that its tag has now; a folder as it is."""
    if Path(database).is_dir() or "@" in database:
        return database
    reference = Reference.parse(database)
    digest = open_store(reference).resolve(reference.tag or "").digest
    return str(reference.at(digest=digest))


def scan(wheel: Path, document: dict[str, Any], trivy: Path, database: str) -> Vulns:
    """Scan the wheel's content, and the environment by its bill.

    Raises:
        MinisealError: `secret-found`, `vulnerability-threshold`, and what scanning raises.
    """
    started = int(time.time())
    with tempfile.TemporaryDirectory() as scratch, LocalEngine(detect()) as engine:
        settings = ScanSettings(
            trivy=trivy,
            search="",
            database=parse(pinned(database), cache=Path(scratch) / "databases"),
            max_age=7 * _DAY,
        )
        scanner = open_scanner(settings, lock.pinned(()).scanner, engine, now=started)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(Path(scratch) / "wheel")
        scans = asyncio.run(_scans(scanner, Path(scratch) / "wheel", document))
    for place, each in scans.items():
        if each.secrets:
            raise SECRET_FOUND(f"{len(each.secrets)} possible secrets", found=f"{place}: {each}")
    found = predicate_of(scanner.facts, scans, started=started, finished=int(time.time()))
    check_severity(found, FAIL_ON)
    return found


async def _scans(scanner: Scanner, tree: Path, document: dict[str, Any]) -> dict[str, Scan]:
    return {"wheel": await scanner.package(tree), "sbom": await scan_bill(scanner, document)}


def main(arguments: Sequence[str]) -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="findings.py")
    for name in ("--wheel", "--trivy"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True)
    document = bill(options.wheel)
    _write(options.output / "sbom.json", document)
    found = scan(options.wheel, document, options.trivy, options.database)
    _write(options.output / "vulns.json", found.to_json())
    for finding in found.findings:
        print(f"{finding.severity:8} {finding.id} {finding.package}")


def _write(path: Path, value: object) -> None:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
