import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from kit.fakesigstore import GITHUB, ISSUER, SUBJECT, FakeSigstore
from kit.identities import Known
from kit.packages import APP, NOW, POLICY, key
from miniseal.attestations import KeyIdentity, Signer
from miniseal.formats.errors import VerificationError
from miniseal.formats.predicates.openvex import Document, Product, Statement, Vulnerability
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.times import to_text
from miniseal.packager import Project
from miniseal.pipeline.steps.gate import Bar, Gated, bars_of, gate
from miniseal.pipeline.trivy.scan import License, Misconfiguration, Scan, Secret
from miniseal.verifier import Policy
from miniseal.verifier.vex import NO_FIX, Identity

TIME = to_text(NOW)
IDENTITY = Identity(app_id=APP, version="1.0.0", digest="sha256:" + "ab" * 32)
BAR = Bar(fail_on="high", fail_on_misconfiguration="high", own_vex=True)
LEFT = Finding(id="CVE-1", severity="high", package="pkg:npm/left@1.0.0", installed="1.0.0")
KEYS = {
    **{f"{name}.pub": key(name).public_pem for name in ("acme", "scanner", "second")},
    "root.json": json.dumps(FakeSigstore().trusted_root()).encode(),
}
EXAMPLES = Path(__file__).parents[4] / "examples"


def held(*findings: Finding, bars: tuple[Bar, ...] = (BAR,), **more: Any) -> Gated:
    vulns = Vulns(
        scanner_uri="pkg:generic/trivy@0.76.0",
        database_updated=TIME,
        started_on=TIME,
        finished_on=TIME,
        findings=findings,
    )
    given: dict[str, Any] = {"scans": {}, "vex": (), "rebuilt": True, **more}
    return gate(identity=IDENTITY, vulns=vulns, bars=bars, now=NOW, **given)


def refused(*findings: Finding, code: str, **more: Any) -> VerificationError:
    with pytest.raises(VerificationError) as error:
        held(*findings, **more)

    assert error.value.code == code
    return error.value


def finding(severity: str) -> Finding:
    return Finding(id=f"CVE-{severity}", severity=severity)


def answer(status: str = "fixed", **more: Any) -> Document:
    statement = Statement(
        vulnerability=Vulnerability(name="CVE-1"),
        status=status,
        products=(Product(id="pkg:npm/left@1.0.0"),),
    )
    parts: dict[str, Any] = {"statements": (statement,), "timestamp": TIME, **more}
    return Document(id="https://vex.example/1", author="acme", version=1, **parts)


def test_nothing_found_passes_what_was_looked_at() -> None:
    checks = held().checks

    assert checks.passed == ("coverage", "misconfiguration", "rebuild", "secrets")
    assert checks.failed == ()


def test_where_nothing_was_to_check_there_is_a_warning_and_no_pass() -> None:
    assert held().checks.warned == ("licenses",)
    assert held(rebuilt=False).checks.warned == ("licenses", "rebuild")
    assert "rebuild" not in held(rebuilt=False).checks.passed


def test_licences_are_checked_where_some_bar_denies_any() -> None:
    denying = replace(BAR, denied_licenses=("GPL-*",))

    checks = held(bars=(BAR, denying)).checks

    assert "licenses" in checks.passed
    assert checks.warned == ()


def test_findings_below_the_threshold_pass() -> None:
    assert held(finding("medium"), finding("low")).suppressed == ()


@pytest.mark.parametrize("severity", ["high", "critical", "unknown"])
def test_findings_at_the_threshold_or_unknown_are_refused(severity: str) -> None:
    refused(finding("low"), finding(severity), code="vulnerability-threshold")


def test_every_bar_has_to_be_met() -> None:
    strict, none = replace(BAR, fail_on="low"), replace(BAR, fail_on=None)

    refused(finding("medium"), bars=(BAR, strict), code="vulnerability-threshold")
    refused(finding("critical"), bars=(none, BAR), code="vulnerability-threshold")
    assert held(finding("critical"), bars=(none,)).suppressed == ()


def test_what_the_project_answers_does_not_count_and_is_told_of_once() -> None:
    gated = held(LEFT, bars=(BAR, BAR), vex=(answer(),))

    (suppressed,) = gated.suppressed
    assert (suppressed.finding, suppressed.reason) == (LEFT, "fixed")
    assert suppressed.signers == ("the project",)


@pytest.mark.parametrize(
    "vex",
    [
        (),
        (answer("affected"),),
        (answer("under_investigation"),),
        (answer(timestamp=to_text(NOW + 3600)),),
        (answer(), answer("affected")),
    ],
)
def test_what_the_project_does_not_answer_counts(vex: tuple[Document, ...]) -> None:
    refused(LEFT, vex=vex, code="vulnerability-threshold")


def test_the_projects_answer_is_for_its_own_bar_unless_the_other_hears_it() -> None:
    deaf = replace(BAR, own_vex=False)

    refused(LEFT, bars=(BAR, deaf), vex=(answer(),), code="vulnerability-threshold")


def test_what_nothing_mends_passes_a_bar_that_says_so() -> None:
    gated = held(LEFT, bars=(replace(BAR, ignore_unfixed=True),))

    assert [each.reason for each in gated.suppressed] == [NO_FIX]


def test_a_secret_is_refused_without_showing_it() -> None:
    secret = Secret(target="src/key.ts", line=3, rule="github-pat", severity="critical")

    error = refused(scans={"source": Scan(secrets=(secret,))}, code="secret-found")

    assert error.found == "github-pat in source:src/key.ts line 3"


def licensed(name: str, *, package: str = "left", target: str = "package-lock.json") -> Scan:
    return Scan(licenses=(License(target=target, package=package, name=name, severity="unknown"),))


def test_a_denied_licence_is_refused() -> None:
    denying = replace(BAR, denied_licenses=("GPL-*",))

    error = refused(
        scans={"source": licensed("GPL-3.0-only")}, bars=(BAR, denying), code="license-denied"
    )

    assert "left" in error.message
    assert error.found == "GPL-3.0-only"


def test_a_denied_licence_of_a_file_is_refused_by_its_name() -> None:
    denying = replace(BAR, denied_licenses=("GPL-*",))
    scans = {"source": licensed("GPL-2.0", package="", target="lib/a.c")}

    assert "source:lib/a.c" in refused(scans=scans, bars=(denying,), code="license-denied").message


@pytest.mark.parametrize("scan", [licensed("MIT OR GPL-3.0-only"), licensed("LGPL-2.1-only")])
def test_a_licence_that_leaves_a_way_passes(scan: Scan) -> None:
    denying = replace(BAR, denied_licenses=("GPL-*",))

    assert "licenses" in held(scans={"source": scan}, bars=(denying,)).checks.passed


def test_a_tool_that_is_only_in_the_bill_is_not_shipped() -> None:
    denying = replace(BAR, denied_licenses=("GPL-*",))
    scans = {"sbom": licensed("GPL-3.0-only", target="")}

    assert "licenses" in held(scans=scans, bars=(denying,)).checks.passed


def configured(severity: str) -> dict[str, Scan]:
    setting = Misconfiguration(
        target="Dockerfile", id="DS-0002", title="runs as root", severity=severity
    )
    return {"source": Scan(misconfigurations=(setting,))}


@pytest.mark.parametrize("severity", ["high", "critical", "unknown"])
def test_a_setting_at_the_threshold_is_refused(severity: str) -> None:
    error = refused(scans=configured(severity), code="misconfiguration-found")

    assert error.found == f"DS-0002 ({severity}) in source:Dockerfile: runs as root"


def test_a_setting_below_the_threshold_passes() -> None:
    assert "misconfiguration" in held(scans=configured("medium")).checks.passed


def test_a_bar_without_a_word_on_settings_lets_them_pass() -> None:
    silent = replace(BAR, fail_on_misconfiguration=None)

    assert held(scans=configured("critical"), bars=(silent,)).suppressed == ()


def test_what_it_found_can_be_kept_as_json() -> None:
    gated, kept = held(LEFT, vex=(answer(),)), TypeAdapter(Gated)

    assert kept.validate_json(kept.dump_json(gated)) == gated


class TestBars:
    RULES = POLICY.replace("com.acme.*", "com.example.*")

    def bars(self, text: str, signer: Signer | None = None, **scan: Any) -> tuple[Bar, ...]:
        """The bars of an example with this `[scan]`, signed by acme, under this policy."""
        project = Project.load(EXAMPLES / "greeting")
        changed = replace(project.settings, scan=replace(project.settings.scan, **scan))
        policy = Policy.from_toml(text.encode(), KEYS.__getitem__)
        return bars_of(replace(project, settings=changed), policy, signer or key("acme"))

    def test_the_projects_comes_first_and_hears_its_own_vex(self) -> None:
        own, _ = self.bars(
            self.RULES,
            fail_on="low",
            fail_on_misconfiguration="critical",
            ignore_unfixed=True,
            deny_licenses=("AGPL-*",),
        )

        assert own == Bar(
            fail_on="low",
            ignore_unfixed=True,
            denied_licenses=("AGPL-*",),
            fail_on_misconfiguration="critical",
            own_vex=True,
        )

    def test_the_policys_is_that_of_the_programs_namespace(self) -> None:
        rules = self.RULES.replace(
            'fail_on = "high"', 'fail_on = "critical"\nignore_unfixed = true'
        )

        _, theirs = self.bars(rules.replace(".sbom]", '.sbom]\ndeny_licenses = ["GPL-*"]'))

        assert theirs == Bar(
            fail_on="critical", ignore_unfixed=True, denied_licenses=("GPL-*",), own_vex=False
        )

    def test_a_namespace_without_a_rule_demands_nothing(self) -> None:
        start = self.RULES.index("[namespace.require.sbom]")
        end = self.RULES.index("[namespace.require.checks]")

        _, theirs = self.bars(self.RULES[:start] + self.RULES[end:])

        assert theirs == Bar(fail_on=None)

    @pytest.mark.parametrize(
        ("signers", "keys", "hears"),
        [
            ('["acme"]', '{file = "acme.pub"}', True),
            ('["scanner"]', '{file = "acme.pub"}', False),
            ("[]", '{file = "acme.pub"}', False),
            ('["acme"]', '{file = "second.pub"}', False),
        ],
    )
    def test_a_policy_hears_the_projects_vex_where_it_names_its_key(
        self, signers: str, keys: str, hears: bool
    ) -> None:
        rules = self.RULES.replace('fail_on = "high"', f'fail_on = "high"\nvex_signers = {signers}')

        _, theirs = self.bars(rules.replace('{file = "acme.pub"}', keys))

        assert theirs.own_vex is hears

    def test_one_key_of_two_that_have_to_agree_is_not_heard_alone(self) -> None:
        rules = self.RULES.replace('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["acme"]')
        two = '[{file = "acme.pub"}, {file = "second.pub"}]\nthreshold = 2'

        _, theirs = self.bars(rules.replace('[{file = "acme.pub"}]', two))

        assert theirs.own_vex is False

    @pytest.mark.parametrize(
        ("number", "hears"), [("1234567", True), ("7654321", False)], ids=["own", "another's"]
    )
    def test_an_identity_is_heard_where_the_policy_names_it_with_its_repository(
        self, number: str, hears: bool
    ) -> None:
        rules = self.RULES.replace('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["team"]')
        team = (
            f'[trust]\ntrusted_root = "root.json"\n[signer.team]\nissuer = "{ISSUER}"\n'
            f'identity = "{SUBJECT}"\nsource_repository_id = "{number}"\n'
            f'source_owner_id = "{GITHUB["17"]}"\n[[namespace]]'
        )

        _, theirs = self.bars(rules.replace("[[namespace]]", team, 1), Known.of(FakeSigstore()))

        assert theirs.own_vex is hears

    def test_a_key_is_not_heard_as_an_identity_nor_the_other_way(self) -> None:
        rules = self.RULES.replace('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["acme"]')

        _, theirs = self.bars(rules, Known.of(FakeSigstore()))

        assert theirs.own_vex is False

    def test_nobody_is_asked_who_they_are_where_nobody_is_heard(self) -> None:
        class Anonymous:
            name = "somebody"

            @property
            def identity(self) -> KeyIdentity:
                raise AssertionError

            def sign_statement(self, statement: bytes) -> bytes:
                raise AssertionError(statement)

        _, theirs = self.bars(self.RULES, Anonymous())

        assert theirs.own_vex is False
