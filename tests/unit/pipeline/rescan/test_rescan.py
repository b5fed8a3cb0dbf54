import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kit.fakesigstore import FakeSigstore
from kit.packages import (
    APP,
    DATABASE,
    NOW,
    POLICY,
    SCANNER,
    key,
    package,
    sbom,
    scan,
    wasm_module,
)
from kit.rescanning import FOUND, MILD, NEWER, FakeScanning, Shelf
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor
from miniseal.formats.predicates import openvex
from miniseal.formats.predicates.vulns import Vulns
from miniseal.packager import Packed
from miniseal.registry import LayoutStore

SCAN_RULE = """\
[namespace.require.vulnerabilities]
signers = ["acme", "scanner"]
max_age = "14d"
fail_on = "high"
"""
VEX_POLICY = POLICY.replace(
    'fail_on = "high"', 'fail_on = "high"\nvex_signers = ["second"]'
).replace("[signer.scanner]", '[signer.second]\nkeys = [{file = "second.pub"}]\n\n[signer.scanner]')


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.new(tmp_path)


def codes(rows: Sequence[Any]) -> list[tuple[str, str | None]]:
    return [(row.status, row.error.code if row.error else None) for row in rows]


class TestOnePackage:
    def test_a_clean_scan_is_attached_and_a_host_goes_on_to_admit(self, shelf: Shelf) -> None:
        made = shelf.publish()

        (row,) = shelf.rescan("1.0.0")

        assert codes([row]) == [("good", None)]
        assert row.to_json()["version"] == {"code": 1, "name": "1.0.0"}
        assert (row.app_id, row.package, row.unchanged) == (APP, made.digest, False)
        assert [each.database_digest for each in shelf.scans(made)] == [DATABASE, NEWER]
        assert shelf.verdict() == "admitted"

    def test_a_package_whose_scan_is_too_old_can_be_admitted_again(self, shelf: Shelf) -> None:
        shelf.publish()
        shelf.scene.now += 20 * 86400
        shelf.scanning.updated = shelf.scanning.finished = shelf.scene.now - 60
        stale = shelf.verdict()

        rows = shelf.rescan("1.0.0")

        assert (stale, codes(rows), shelf.verdict()) == (
            "scan-stale",
            [("good", None)],
            "admitted",
        )

    def test_vulnerabilities_are_attached_and_an_alarm(self, shelf: Shelf) -> None:
        made = shelf.publish(findings=[MILD])
        shelf.scanning.findings = (FOUND,)

        (row,) = shelf.rescan("1.0.0")

        assert codes([row]) == [("alarm", "vulnerability-threshold")]
        assert len(shelf.scans(made)) == 2
        assert shelf.verdict() == "vulnerability-threshold"
        assert [each.id for each in row.new] == [FOUND[0]]
        assert [each.id for each in row.gone] == [MILD[0]]
        shown: Any = row.to_json()["new"]
        assert shown[0]["vulnerability"] == FOUND[0]

    def test_a_clean_scan_ends_an_alarm(self, shelf: Shelf) -> None:
        made = shelf.publish(findings=[FOUND])
        refused = shelf.verdict()

        (row,) = shelf.rescan("1.0.0")

        assert (refused, shelf.verdict()) == ("vulnerability-threshold", "admitted")
        assert (row.status, [each.id for each in row.gone]) == ("good", [FOUND[0]])
        assert len(shelf.scans(made)) == 2

    def test_a_finding_below_the_threshold_is_new_and_no_alarm(self, shelf: Shelf) -> None:
        shelf.publish()
        shelf.scanning.findings = (MILD,)

        (row,) = shelf.rescan("1.0.0")

        assert (row.status, row.findings, [each.id for each in row.new]) == ("good", 1, [MILD[0]])

    def test_the_worst_of_what_is_new_comes_first(self, shelf: Shelf) -> None:
        shelf.publish()
        shelf.scanning.findings = (MILD, ("CVE-2026-9", "critical"), FOUND)

        (row,) = shelf.rescan("1.0.0")

        assert [each.id for each in row.new] == ["CVE-2026-9", FOUND[0], MILD[0]]

    def test_a_vex_statement_of_a_named_signer_ends_the_alarm(self, shelf: Shelf) -> None:
        shelf.scene.policy(VEX_POLICY)
        made = shelf.publish()
        shelf.scanning.findings = (FOUND,)
        alarm = shelf.rescan("1.0.0")
        document = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://vex.example/1",
            "author": "Security",
            "timestamp": "2026-11-21T11:00:00Z",
            "version": 1,
            "statements": [
                {
                    "vulnerability": {"name": FOUND[0]},
                    "products": [{"@id": "pkg:npm/a@1"}],
                    "status": "not_affected",
                    "justification": "vulnerable_code_not_in_execute_path",
                }
            ],
        }
        shelf.say(made, (openvex.PREDICATE_TYPE, document), key("second"))

        (row,) = shelf.rescan("1.0.0")

        assert codes(alarm) == [("alarm", "vulnerability-threshold")]
        assert (row.status, row.unchanged) == ("good", True)
        assert [each.finding.id for each in row.suppressed] == [FOUND[0]]
        assert shelf.verdict() == "admitted"

    def test_the_wasm_artifact_and_the_image_get_it_too_where_they_are(self, shelf: Shelf) -> None:
        made = shelf.publish(made=shelf.scene.release(made=package(assets={"a.txt": b"text"})))
        others = shelf.publish_others(made)

        shelf.rescan("1.0.0")

        wasm, image = (shelf.statements(other) for other in others)
        assert wasm == image
        names = [(each.name, each.digest["sha256"]) for each in wasm[0].subjects]
        assert names == [
            (APP, made.digest[7:]),
            (f"{APP}-wasm", others[0].digest[7:]),
            (f"{APP}-image", others[1].digest[7:]),
            ("app.wasm", made.config.wasm.digest[7:]),
        ]
        assert wasm[0] in shelf.statements(made.descriptor)

    def test_a_statement_names_no_artifact_that_is_not_there(self, shelf: Shelf) -> None:
        made = shelf.publish()

        shelf.rescan("1.0.0")

        statements = shelf.statements(made.descriptor)
        (added,) = [each for each in statements if len(each.subjects) > 1]
        assert [each.name for each in added.subjects] == [APP, "app.wasm"]

    def test_a_repository_s_package_is_taken_by_its_digest(self, shelf: Shelf) -> None:
        made = shelf.publish()

        (row,) = shelf.rescan()

        assert (row.status, row.package) == ("good", made.digest)

    def test_what_is_told_while_it_works(self, shelf: Shelf) -> None:
        shelf.publish()
        shelf.rescan("1.0.0")
        good = [(each.step, each.event) for each in shelf.events]
        facts = shelf.events[-1].data

        shelf.scanning.findings = (FOUND,)
        shelf.rescan("1.0.0", again=True)

        name = f"oci:{shelf.layout}:1.0.0"
        assert good == [(name, "started"), (name, "finished")]
        assert facts == {"status": "good", "findings": 0, "new": 0}
        error: Any = shelf.events[-1].data["error"]
        assert (shelf.events[-1].event, error["code"]) == ("failed", "vulnerability-threshold")


class TestUnchanged:
    def test_the_same_database_twice_attaches_nothing(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.rescan("1.0.0")

        (row,) = shelf.rescan("1.0.0")

        assert (row.status, row.unchanged, row.attached) == ("good", True, None)
        assert (len(shelf.scanning.given), len(shelf.scans(made))) == (1, 2)

    def test_the_same_bad_news_is_an_alarm_again(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.scanning.findings = (FOUND,)
        shelf.rescan("1.0.0")

        (row,) = shelf.rescan("1.0.0")

        assert codes([row]) == [("alarm", "vulnerability-threshold")]
        assert (row.unchanged, row.findings, row.new) == (True, 1, ())
        assert len(shelf.scans(made)) == 2

    def test_again_scans_what_was_scanned(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.rescan("1.0.0")
        shelf.scanning.finished += 1

        (row,) = shelf.rescan("1.0.0", again=True)

        assert (row.unchanged, len(shelf.scans(made))) == (False, 3)

    @pytest.mark.parametrize(
        "change",
        [{"scanner": sha256(b"another scanner")}, {"database": sha256(b"x")}, {"updated": NOW}],
        ids=["scanner", "database", "the same database, and said to be newer"],
    )
    def test_another_scanner_or_database_scans_again(
        self, shelf: Shelf, change: dict[str, Any]
    ) -> None:
        shelf.publish()
        shelf.rescan("1.0.0")
        for name, value in change.items():
            setattr(shelf.scanning, name, value)

        (row,) = shelf.rescan("1.0.0")

        assert (row.status, row.unchanged) == ("good", False)

    def test_a_later_scan_by_somebody_else_with_an_older_database_is_answered(
        self, shelf: Shelf
    ) -> None:
        made = shelf.publish()
        shelf.rescan("1.0.0")
        shelf.say(made, scan(finished=NOW - 30, updated=NOW - 5000))
        shelf.scanning.finished = NOW - 10

        (row,) = shelf.rescan("1.0.0")

        assert row.unchanged is False

    def test_each_key_of_a_threshold_has_to_scan(self, shelf: Shelf) -> None:
        shelf.scene.policy(
            POLICY.replace(
                'keys = [{file = "scanner.pub"}]',
                'keys = [{file = "scanner.pub"}, {file = "second.pub"}]\nthreshold = 2',
            ).replace('signers = ["acme", "scanner"]', 'signers = ["scanner"]')
        )
        shelf.publish()

        first = shelf.rescan("1.0.0")
        second = shelf.rescan("1.0.0", signer="second")
        third = shelf.rescan("1.0.0")

        assert codes(first) == [("failed", "threshold-unmet")]
        assert first[0].attached is not None
        assert codes(second) == [("good", None)]
        assert (second[0].unchanged, third[0].unchanged) == (False, True)
        assert shelf.verdict() == "admitted"


class TestWhoseWord:
    """What is believed, and what refuses before anything is scanned."""

    def refused(self, shelf: Shelf, *names: str, **options: Any) -> str:
        """The code with which one package is refused without a scan."""
        (row,) = shelf.rescan(*(names or ("1.0.0",)), **options)
        assert shelf.scanning.given == []
        assert row.status == "failed"
        assert row.error is not None
        return str(row.error.code)

    def test_the_bill_that_was_signed_is_scanned(self, shelf: Shelf) -> None:
        made = shelf.publish()

        shelf.rescan("1.0.0")

        ((packed, bills),) = shelf.scanning.given
        assert [*bills] == [sbom(made.config.wasm.digest)[1]]
        assert packed.package.descriptor.digest == made.digest
        assert packed.blobs[made.config.wasm.digest][0] == made.wasm

    def test_every_bill_that_counts_is_scanned(self, shelf: Shelf) -> None:
        made = shelf.publish()
        kind, bill = sbom(made.config.wasm.digest)
        shelf.say(made, (kind, {**bill, "components": [{"type": "library", "name": "a"}]}))
        shelf.say(made, sbom(sha256(b"another wasm")))
        shelf.say(made, (kind, {**bill, "version": 2}), key("stranger"))
        shelf.say(made, (kind, {**bill, "version": 3}), key("scanner"))

        shelf.rescan("1.0.0")

        ((_, bills),) = shelf.scanning.given
        assert len(bills) == 2
        assert {"version"}.isdisjoint(name for each in bills for name in each)

    def test_more_bills_than_anybody_needs_are_refused(self, shelf: Shelf) -> None:
        made = shelf.publish()
        kind, bill = sbom(made.config.wasm.digest)
        for version in range(8):
            shelf.say(made, (kind, {**bill, "version": version}))

        assert self.refused(shelf) == "evidence-limit"

    @pytest.mark.parametrize(
        ("signer", "code"),
        [("stranger", "identity-mismatch"), (None, "attestation-missing")],
    )
    def test_a_stranger_s_bill_counts_for_nothing(
        self, shelf: Shelf, signer: str | None, code: str
    ) -> None:
        made = shelf.scene.release(without=["sbom"])
        if signer is not None:
            shelf.scene.repository.say(made, sbom(made.config.wasm.digest), key(signer))
        shelf.publish(made)

        assert self.refused(shelf) == code

    def test_a_policy_that_asks_for_no_bill_trusts_none(self, shelf: Shelf) -> None:
        shelf.scene.policy(POLICY.replace('[namespace.require.sbom]\nsigners = ["acme"]\n', ""))
        shelf.publish()

        assert self.refused(shelf) == "bill-untrusted"

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(('"acme", "scanner"', '"acme"'), id="another"),
            pytest.param(
                ('"scanner.pub"}', '"scanner.pub", not_after = 2026-01-01T00:00:00Z}'), id="expired"
            ),
            pytest.param(
                ("[host]", '[[deny]]\nsigner = "scanner"\nreason = "stolen"\n[host]'), id="denied"
            ),
            pytest.param(
                (SCAN_RULE, ""),
                id="nobody",
            ),
        ],
    )
    def test_a_key_that_the_policy_does_not_hear_scans_nothing(
        self, shelf: Shelf, change: tuple[str, str]
    ) -> None:
        assert change[0] in POLICY
        shelf.scene.policy(POLICY.replace(*change))
        shelf.publish()

        assert self.refused(shelf) == "scan-signer-refused"

    def test_a_stranger_s_key_scans_nothing(self, shelf: Shelf) -> None:
        shelf.publish()

        assert self.refused(shelf, signer="stranger") == "scan-signer-refused"

    def test_a_stranger_s_scan_neither_hides_nor_hinders(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.say(made, scan(finished=NOW - 1, updated=NOW - 1), key("stranger"))
        shelf.say(made, scan(finished=NOW - 1, scanner=SCANNER), key("second"))
        shelf.scanning.findings = (FOUND,)

        assert codes(shelf.rescan("1.0.0")) == [("alarm", "vulnerability-threshold")]

    def test_an_older_database_does_not_have_the_last_word(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.scanning.updated = NOW - 7200

        assert self.refused(shelf) == "database-older"
        assert len(shelf.scans(made)) == 1

    def test_a_scan_from_the_future_would_go_on_to_decide(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.say(made, scan(finished=NOW + 60, updated=NOW - 3600))

        assert self.refused(shelf) == "scan-from-future"

    def test_a_database_that_hosts_find_too_old_is_not_used(self, shelf: Shelf) -> None:
        shelf.publish()
        shelf.scanning.updated = NOW - 14 * 86400

        assert self.refused(shelf) == "scan-stale"

    def test_another_program_than_expected_is_refused(self, shelf: Shelf) -> None:
        shelf.publish()

        assert self.refused(shelf, app_id="com.acme.other") == "app-mismatch"

    def test_a_program_that_the_policy_does_not_know_is_refused(self, shelf: Shelf) -> None:
        shelf.publish(app_id="com.other.app")

        assert self.refused(shelf) == "namespace-unknown"

    def test_a_tag_that_was_moved_is_refused(self, shelf: Shelf) -> None:
        made = shelf.publish()
        shelf.store.tag("2.0.0", made.descriptor)

        assert self.refused(shelf, "2.0.0") == "tag-mismatch"

    def test_a_package_without_a_publisher_is_refused(self, shelf: Shelf) -> None:
        shelf.publish(without=["provenance"])

        assert self.refused(shelf) == "attestation-missing"

    def test_a_denied_scanner_ends_it_all(self, shelf: Shelf) -> None:
        shelf.scene.policy(f'{POLICY}\n[[deny]]\nscanner = "{SCANNER}"\nreason = "blind"\n')
        shelf.publish()

        with pytest.raises(MinisealError, match="blind") as error:
            shelf.rescan("1.0.0")

        assert error.value.code == "denied"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (('["storage"]', '["storage"]\nmin_version_code = 2'), "version-too-low"),
            (("[host]", f'[[deny]]\napp = "{APP}"\nreason = "old"\n[host]'), "denied"),
        ],
    )
    def test_what_the_policy_has_retired_is_no_failure(
        self, shelf: Shelf, change: tuple[str, str], code: str
    ) -> None:
        shelf.scene.policy(POLICY.replace(*change, 1))
        shelf.publish()

        assert codes(shelf.rescan("1.0.0")) == [("retired", code)]
        assert shelf.events[-1].event == "finished"


class TestDryRun:
    @pytest.mark.parametrize(
        ("findings", "expected"),
        [((), ("good", None)), ((FOUND,), ("alarm", "vulnerability-threshold"))],
    )
    def test_it_judges_and_attaches_nothing(
        self, shelf: Shelf, findings: tuple[tuple[str, str], ...], expected: Any
    ) -> None:
        made = shelf.publish()
        shelf.scanning.findings = findings

        (row,) = shelf.rescan("1.0.0", signer=None)

        assert (codes([row]), row.attached) == ([expected], None)
        assert len(shelf.scans(made)) == 1

    def test_the_older_scan_of_the_key_that_would_sign_does_not_count(self, shelf: Shelf) -> None:
        shelf.publish(findings=[FOUND])

        assert codes(shelf.rescan("1.0.0", signer=None)) == [("good", None)]

    @pytest.mark.parametrize(
        "who", ['identity = "bot@acme.example"', 'identity_pattern = "*@acme.example"']
    )
    def test_an_identity_may_be_who_would_sign(self, shelf: Shelf, who: str) -> None:
        root = shelf.scene.path.parent / "root.json"
        root.write_text(json.dumps(FakeSigstore().trusted_root()), encoding="utf-8")
        keys = '[signer.scanner]\nkeys = [{file = "scanner.pub"}]'
        named = f'[trust]\ntrusted_root = "root.json"\n[signer.scanner]\n{who}'
        issuer = '\nissuer = "https://login.acme.example"'
        text = POLICY.replace(keys, named + issuer)
        shelf.scene.policy(text.replace('signers = ["acme", "scanner"]', 'signers = ["scanner"]'))
        shelf.publish()
        shelf.scanning.findings = (FOUND,)

        assert codes(shelf.rescan("1.0.0", signer=None)) == [("alarm", "vulnerability-threshold")]

    def test_without_a_key_that_the_policy_hears_there_is_nothing_to_judge(
        self, shelf: Shelf
    ) -> None:
        shelf.scene.policy(POLICY.replace('.pub"}', '.pub", not_after = 2026-01-01T00:00:00Z}'))
        shelf.publish()

        assert codes(shelf.rescan("1.0.0", signer=None)) == [("failed", "scan-signer-refused")]


class TestSeveral:
    def test_every_package_is_scanned_and_one_that_is_broken_is_told(self, shelf: Shelf) -> None:
        made = [shelf.publish(made=None, code=code) for code in range(1, 21)]
        broken = made[7]
        wasm = broken.config.wasm.digest
        other = package(code=30, version="30.0.0", wasm=wasm_module(mark=b"another"))
        shelf.scene.release(made=other)
        shelf.publish(other)
        path = shelf.layout / "blobs" / "sha256" / other.config.wasm.digest[7:]
        path.write_bytes(path.read_bytes()[:-1] + b"!")

        rows = shelf.rescan(jobs=4)

        assert wasm != other.config.wasm.digest
        assert len(rows) == 21
        bad = [row for row in rows if row.status != "good"]
        assert [(row.tags, row.error.code) for row in bad if row.error] == [
            (("30.0.0",), "digest-mismatch")
        ]
        assert all(len(shelf.scans(each)) == 2 for each in made)

    def test_no_more_are_scanned_at_a_time_than_was_asked(self, shelf: Shelf) -> None:
        for code in range(1, 7):
            shelf.publish(code=code)
        inside: list[int] = []
        most: list[int] = []

        class Slow(FakeScanning):
            async def scan(self, packed: Packed, bills: Sequence[Mapping[str, object]]) -> Vulns:
                inside.append(1)
                most.append(len(inside))
                for _ in range(500):  # until as many as may are here, and one more would be
                    await asyncio.sleep(0.01)
                    if max(most) == 3:
                        break
                inside.pop()
                return await FakeScanning.scan(self, packed, bills)

        rows = shelf.rescan(scanning=Slow(), jobs=3)

        assert [row.status for row in rows] == ["good"] * 6
        assert max(most) == 3

    def test_one_alarm_does_not_stop_the_others(self, shelf: Shelf) -> None:
        for code in (1, 2):
            shelf.publish(code=code)
        shelf.scanning.findings = (FOUND,)

        assert codes(shelf.rescan()) == [("alarm", "vulnerability-threshold")] * 2

    def test_a_repository_that_is_not_there_is_told(self, shelf: Shelf) -> None:
        assert codes(shelf.rescan()) == [("failed", "content-missing")]

    def test_what_the_operating_system_refuses_is_that_package_s_trouble(
        self, shelf: Shelf
    ) -> None:
        shelf.publish()

        def full() -> None:
            raise OSError(28, "No space left on device")

        shelf.scanning.meanwhile = full

        (row,) = shelf.rescan("1.0.0")

        assert codes([row]) == [("failed", "rescan-failed")]

    def test_what_nobody_expected_is_that_package_s_trouble(self, shelf: Shelf) -> None:
        shelf.publish()
        shelf.publish(code=2)
        left = [RecursionError("too deep")]

        def once() -> None:
            if left:
                raise left.pop()

        shelf.scanning.meanwhile = once

        rows = shelf.rescan(jobs=1)

        assert codes(rows) == [("failed", "verification-failed"), ("good", None)]

    def test_a_scan_that_fails_attaches_nothing(self, shelf: Shelf) -> None:
        made = shelf.publish()
        with pytest.raises(MinisealError) as error:
            shelf.store.resolve("none")

        def fail() -> None:
            raise error.value

        shelf.scanning.meanwhile = fail

        assert codes(shelf.rescan("1.0.0")) == [("failed", "content-missing")]
        assert len(shelf.scans(made)) == 1


class TestStores:
    def test_a_store_that_changes_meanwhile_cannot_have_another_package_signed(
        self, shelf: Shelf
    ) -> None:
        made = shelf.publish()
        other = shelf.publish(code=2)
        shelf.scanning.meanwhile = lambda: shelf.store.tag("1.0.0", other.descriptor, force=True)

        (row,) = shelf.rescan("1.0.0")

        assert (row.package, row.status) == (made.digest, "good")
        assert (len(shelf.scans(made)), len(shelf.scans(other))) == (2, 1)

    def test_a_store_that_does_not_list_what_was_attached_is_told(self, shelf: Shelf) -> None:
        made = shelf.publish()
        before = shelf.store.referrers(made.descriptor)

        class Deaf(LayoutStore):
            def referrers(self, _: Descriptor) -> tuple[Descriptor, ...]:
                return before

        (row,) = shelf.rescan("1.0.0", store=Deaf(shelf.layout))

        assert codes([row]) == [("failed", "statement-lost")]
        assert row.attached is not None
