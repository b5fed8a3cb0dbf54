"""Published packages against newer databases, with the real scanner, and what hosts then say."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.engines import wait
from kit.killing import kill_at, nothing_survives
from kit.layouts import attached, snapshot, tags
from kit.packages import POLICY, package, wasm_module
from kit.rescanning import Shelf
from miniseal.attestations import generate_key
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.formats.errors import MinisealError
from miniseal.packager.lock import pinned
from miniseal.pipeline.engines.local import LocalEngine, detect
from miniseal.pipeline.rescan.scanning import TrivyScanning
from miniseal.pipeline.rescan.stored import packed_of
from miniseal.pipeline.steps.scan import ScanSettings, open_scanner
from miniseal.pipeline.trivy.database import build
from miniseal.pipeline.trivy.source import Folder
from miniseal.registry import LayoutStore
from miniseal.verifier.fetch import fetch, fetch_content

APP, VERSION = "com.example.loan", "0.3.0-beta.1"
VULNS = "https://in-toto.io/attestation/vulns/v0.2"
CVE = "CVE-2026-1"
LONG = {
    "id": CVE,
    "summary": "long: something bad",
    "modified": "2026-11-20T00:00:00Z",
    "database_specific": {"severity": "CRITICAL"},
    "affected": [
        {
            "package": {"ecosystem": "npm", "name": "long"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "9.0.0"}]}],
        }
    ],
}
"""An advisory about a tool that the loan calculator was compiled with."""

Database = Callable[..., Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """A released package in a layout that a test may change."""

    layout: Path
    policy: Path
    key: Path

    @property
    def reference(self) -> str:
        return f"oci:{self.layout}:{VERSION}"

    @property
    def package(self) -> str:
        return tags(self.layout)[VERSION]

    def words(self, database: Path, *more: str | Path) -> tuple[str, ...]:
        words = ("rescan", self.reference, "--policy", self.policy, "--key", self.key)
        return tuple(map(str, (*words, "--vulnerability-db", database, *more)))

    def rescan(self, database: Path, *more: str | Path) -> Run:
        return run_miniseal(*self.words(database, *more))

    def verify(self) -> Run:
        return run_miniseal("verify", self.reference, "--app", APP, "--policy", self.policy)

    def scans(self, digest: str | None = None) -> list[dict[str, Any]]:
        """The scans attached, by default to the package, the oldest first."""
        found = [
            each.statement["predicate"]
            for each in attached(self.layout, digest or self.package)
            if each.kind == VULNS
        ]
        return sorted(found, key=lambda scan: str(scan["metadata"]["scanFinishedOn"]))


@pytest.fixture
def loan(tmp_path: Path, released: Path) -> Loan:
    layout = Path(shutil.copytree(released / "registry-loan", tmp_path / "registry"))
    folder = Path(shutil.copytree(released / "policy-loan", tmp_path / "platform"))
    return Loan(layout=layout, policy=folder / "policy.toml", key=released / "publisher.key")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Makes databases: `database("new", LONG, age=60)`."""

    def make(name: str, *advisories: dict[str, Any], age: int = 0) -> Path:
        folder = tmp_path / f"advisories-{name}"
        folder.mkdir()
        for number, advisory in enumerate((*ADVISORIES.values(), *advisories)):
            (folder / f"{number}.json").write_text(json.dumps(advisory), encoding="utf-8")
        return build(folder, tmp_path / name, updated=int(time.time()) - age).folder

    return make


def row(run: Run) -> dict[str, Any]:
    """The only package of a result."""
    (found,) = run.document["result"]["packages"]
    result: dict[str, Any] = found
    return result


def test_bad_news_is_attached_and_refuses_until_there_is_good(
    loan: Loan, database: Database
) -> None:
    before = loan.verify()

    alarm = loan.rescan(database("bad", LONG))
    refused = loan.verify()
    again = loan.rescan(loan.layout.parent / "bad")
    better = loan.rescan(database("good"))
    after = loan.verify()

    before.ok()
    alarm.refused("vulnerability-threshold")
    assert (row(alarm)["status"], [each["vulnerability"] for each in row(alarm)["new"]]) == (
        "alarm",
        [CVE],
    )
    assert row(alarm)["new"][0]["package"] == "pkg:npm/long@5.3.2"
    refused.refused("vulnerability-threshold")
    again.refused("vulnerability-threshold")
    assert (row(again)["unchanged"], row(again)["attached"]) == (True, None)
    better.ok()
    assert [each["vulnerability"] for each in row(better)["gone"]] == [CVE]
    after.ok()
    assert len(loan.scans()) == 3


def test_good_news_goes_to_the_package_the_wasm_artifact_and_the_image(
    loan: Loan, database: Database
) -> None:
    names = tags(loan.layout)
    before = snapshot(loan.layout)

    done = loan.rescan(database("new"))

    done.ok()
    kept = snapshot(loan.layout)
    places = [names[tag] for tag in (VERSION, f"{VERSION}-wasm", f"{VERSION}-image")]
    newest = [loan.scans(digest)[-1] for digest in places]
    assert newest[0] == newest[1] == newest[2]
    assert [len(loan.scans(digest)) for digest in places] == [2, 2, 2]
    assert row(done)["attached"].removeprefix("sha256:") in "".join(kept)
    assert tags(loan.layout) == names
    lost = {name for name, data in before.items() if kept.get(name) != data}
    assert all(b"manifests" in before[name] for name in lost)  # lists of referrers, and the index
    loan.verify().ok()


def test_the_same_database_twice_changes_nothing(loan: Loan, database: Database) -> None:
    new = database("new")
    loan.rescan(new).ok()
    before = snapshot(loan.layout)

    again = loan.rescan(new)

    again.ok()
    assert row(again)["unchanged"] is True
    assert snapshot(loan.layout) == before


def test_an_older_database_is_refused(loan: Loan, database: Database) -> None:
    before = snapshot(loan.layout)

    run = loan.rescan(database("old", LONG, age=3 * 86400))

    run.refused("database-older")
    assert snapshot(loan.layout) == before
    loan.verify().ok()


def test_a_dry_run_tells_and_attaches_nothing(loan: Loan, database: Database) -> None:
    before = snapshot(loan.layout)
    bad = database("bad", LONG)

    run = run_miniseal(
        *("rescan", loan.reference, "--policy", loan.policy, "--vulnerability-db", bad),
        "--dry-run",
    )
    usage = run_miniseal(
        "rescan", loan.reference, "--policy", loan.policy, "--vulnerability-db", bad
    )

    run.refused("vulnerability-threshold")
    assert (row(run)["status"], row(run)["attached"]) == ("alarm", None)
    assert snapshot(loan.layout) == before
    usage.refused("usage", exit_code=2)


def test_a_vex_statement_of_the_platform_s_choice_ends_the_alarm(
    loan: Loan, database: Database, tmp_path: Path
) -> None:
    text = loan.policy.read_text(encoding="utf-8")
    edited = text.replace("vex_signers = []", 'vex_signers = ["publisher"]')
    assert edited != text
    loan.policy.write_text(edited, encoding="utf-8")
    bad = database("bad", LONG)
    alarm = loan.rescan(bad)
    document = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://acme.example/vex/1",
        "author": "Acme",
        "timestamp": "2026-11-20T00:00:00Z",
        "version": 1,
        "statements": [
            {
                "vulnerability": {"name": CVE},
                "products": [{"@id": "pkg:npm/long@5.3.2"}],
                "status": "not_affected",
                "justification": "component_not_present",
            }
        ],
    }
    (tmp_path / "vex.json").write_text(json.dumps(document), encoding="utf-8")
    run_miniseal(
        *("attest", loan.reference, "--predicate", tmp_path / "vex.json"),
        *("--type", "openvex", "--key", loan.key),
    ).ok()

    after = loan.rescan(bad)

    alarm.refused("vulnerability-threshold")
    after.ok()
    assert [each["vulnerability"] for each in row(after)["suppressed"]] == [CVE]
    loan.verify().ok()


def test_a_stranger_s_bill_and_scan_count_for_nothing(
    loan: Loan, database: Database, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger.key"
    run_miniseal("keys", "generate", stranger).ok()
    (bill,) = [
        each.statement["predicate"]
        for each in attached(loan.layout, loan.package)
        if each.kind == "https://cyclonedx.org/bom"
    ]
    worse = {"type": "library", "name": "minimist", "version": "1.2.5"}
    bill["components"].append({**worse, "purl": "pkg:npm/minimist@1.2.5"})
    (tmp_path / "bill.json").write_text(json.dumps(bill), encoding="utf-8")
    run_miniseal(
        *("attest", loan.reference, "--predicate", tmp_path / "bill.json"),
        *("--type", "cyclonedx", "--key", stranger),
    ).ok()
    new = database("new")

    refused = run_miniseal(
        *("rescan", loan.reference, "--policy", loan.policy, "--key", stranger),
        *("--vulnerability-db", new),
    )
    done = loan.rescan(new)

    refused.refused("scan-signer-refused")
    done.ok()
    assert row(done)["findings"] == 0


class TestRepositories:
    @pytest.fixture
    def shelf(self, tmp_path: Path) -> Shelf:
        """Six packages, of which one is broken."""
        shelf = Shelf.new(tmp_path)
        shelf.scene.policy(POLICY.replace("2027-03-01", "2099-03-01"))
        shelf.scene.now = int(time.time())
        for code in range(1, 6):
            shelf.publish(code=code)
        broken = package(code=6, version="6.0.0", wasm=wasm_module(mark=b"another"))
        shelf.scene.release(made=broken)
        shelf.publish(broken)
        wasm = shelf.layout / "blobs" / "sha256" / broken.config.wasm.digest[7:]
        wasm.write_bytes(wasm.read_bytes()[:-1] + b"!")
        return shelf

    @pytest.fixture
    def key(self, shelf: Shelf, tmp_path: Path) -> Path:
        """The key of the policy's scanner."""
        path = tmp_path / "scanner.key"
        generate_key(path)
        shutil.copy(f"{path}.pub", shelf.scene.path.parent / "scanner.pub")
        return path

    def test_all_packages_are_scanned_and_the_broken_one_is_told(
        self, shelf: Shelf, key: Path, database: Database
    ) -> None:
        words = ("--policy", shelf.scene.path, "--key", key, "--progress", "json")

        run = run_miniseal(
            *("rescan", f"oci:{shelf.layout}", *words, "--vulnerability-db", database("new"))
        )

        error = run.refused("rescan-incomplete")
        assert "6.0.0" in error["found"]
        result = run.document["result"]
        assert result["counts"] == {"good": 5, "alarm": 0, "retired": 0, "failed": 1}
        states = {each["reference"]: each["status"] for each in result["packages"]}
        assert states == {
            f"oci:{shelf.layout}:{code}.0.0": "failed" if code == 6 else "good"
            for code in range(1, 7)
        }
        events = [json.loads(line) for line in run.stderr.splitlines()]
        ends = [each["step"] for each in events if each["event"] in {"finished", "failed"}]
        assert sorted(ends) == sorted(states)


@pytest.mark.parametrize("delay", [0.0, 0.7, 1.3, 2.0])
def test_a_rescan_that_is_killed_leaves_a_store_that_hosts_can_use(
    loan: Loan, database: Database, tmp_path: Path, delay: float
) -> None:
    bad = database("bad", LONG)
    moment = (loan.reference, "started")
    words = loan.words(bad, "--progress", "json")

    with nothing_survives():
        code = kill_at(moment, words, scratch=tmp_path / "scratch", delay=delay)
    between = loan.verify()
    after = loan.rescan(bad)

    assert code in {-signal.SIGKILL, 1}
    assert between.exit_code in {0, 1}
    if between.exit_code == 1:
        between.refused("vulnerability-threshold")
    after.refused("vulnerability-threshold")
    loan.verify().refused("vulnerability-threshold")


def test_a_database_that_is_replaced_meanwhile_signs_nothing(
    loan: Loan, database: Database
) -> None:
    new, other = database("new", age=60), database("other", LONG)
    settings = ScanSettings(
        trivy=None, search=os.environ["PATH"], database=Folder(path=new), max_age=86400, min_age=0
    )
    store = LayoutStore(loan.layout)
    fetched = fetch(store, VERSION)
    packed = packed_of(fetched, fetch_content(store, fetched))

    with LocalEngine(detect()) as engine:
        opened = open_scanner(settings, pinned(()).scanner, engine, now=int(time.time()))
        scanning = TrivyScanning.of(opened, time.time)
        shutil.copy(other / "trivy.db", new / "trivy.db")
        with pytest.raises(MinisealError) as error:
            wait(scanning.scan(packed, []))

    assert error.value.code == "scanner-changed"
