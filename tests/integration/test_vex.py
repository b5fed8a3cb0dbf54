"""A finding that comes up after a release, and its answer: by the command line, as people do it."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.hostile import call_miniseal
from kit.layouts import attached, snapshot, tags
from kit.locks import NPM_LOCK
from kit.packages import scan, vex
from kit.publishing import Publisher
from miniseal.formats.predicates.vulns import Finding

APP, VERSION = "com.example.greeting", "1.0.1"
VEX = "https://openvex.dev/ns"
MINIMIST = "pkg:npm/minimist@1.2.5"
CVE = "CVE-2021-44906"
WHO = ("scanner", "security-team", "stranger")
Project = Callable[[str], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A published package, and a platform with a scanner and a security team of its own."""

    folder: Path

    @property
    def layout(self) -> Path:
        return self.folder / "registry"

    @property
    def reference(self) -> str:
        return f"oci:{self.layout}:{VERSION}"

    @property
    def policy(self) -> Path:
        return self.folder / "platform" / "policy.toml"

    def say(self, who: str, kind: str, said: tuple[str, dict[str, object]]) -> Run:
        """Attest a predicate with somebody's key."""
        path = self.folder / "predicate.json"
        path.write_text(json.dumps(said[1]), encoding="utf-8")
        return call_miniseal(
            *("attest", self.reference, "--predicate", path, "--type", kind),
            *("--key", self.folder / f"{who}.key"),
        )

    def answer(self, who: str, **more: Any) -> Run:
        """Attest that the finding does no harm, or what else `more` says of it."""
        said = {"name": CVE, "at": int(time.time()) - 60, **more}
        return self.say(who, "openvex", vex({"@id": MINIMIST}, **said))

    def verify(self) -> Run:
        return call_miniseal("verify", self.reference, "--app", APP, "--policy", self.policy)


@pytest.fixture
def platform(released: Path, tmp_path: Path) -> Platform:
    shutil.copytree(released / "registry-greeting", tmp_path / "registry")
    folder = Path(shutil.copytree(released / "policy-greeting", tmp_path / "platform"))
    for name in WHO:
        call_miniseal("keys", "generate", tmp_path / f"{name}.key").ok()
        shutil.copy(tmp_path / f"{name}.key.pub", folder / f"{name}.pub")
    shutil.copy(released / "publisher.key", tmp_path / "publisher.key")
    policy = folder / "policy.toml"
    text = policy.read_text(encoding="utf-8")
    for name in WHO[:2]:
        text = text.replace(
            "[[builder]]", f'[signer.{name}]\nkeys = [{{file = "{name}.pub"}}]\n\n[[builder]]', 1
        )
    head, table, rest = text.partition("[namespace.require.vulnerabilities]\n")
    rest = rest.replace('["publisher"]', '["publisher", "scanner"]', 1)
    rest = rest.replace("vex_signers = []", 'vex_signers = ["security-team"]')
    policy.write_text(head + table + rest, encoding="utf-8")
    return Platform(folder=tmp_path)


@pytest.fixture
def alarmed(platform: Platform) -> Platform:
    """The same after the platform's scanner has found something new."""
    found = Finding(id=CVE, severity="critical", package=MINIMIST, installed="1.2.5", fixed="1.2.6")
    platform.say("scanner", "vulns", scan([found], finished=int(time.time()))).ok()
    return platform


def test_before_anybody_knew_it_was_good(platform: Platform) -> None:
    assert platform.verify().ok()["suppressed"] == []


def test_a_newer_scan_refuses_what_was_published(alarmed: Platform) -> None:
    error = alarmed.verify().refused("vulnerability-threshold")

    assert CVE in error["found"]


@pytest.mark.parametrize("who", ["stranger", "publisher", "scanner"])
def test_an_answer_by_anybody_else_changes_nothing(alarmed: Platform, who: str) -> None:
    alarmed.answer(who).ok()

    alarmed.verify().refused("vulnerability-threshold")


def test_the_security_teams_answer_lets_it_pass_and_shows_what_it_suppressed(
    alarmed: Platform,
) -> None:
    said = alarmed.answer("security-team").ok()

    (suppressed,) = alarmed.verify().ok()["suppressed"]

    assert (suppressed["vulnerability"], suppressed["package"]) == (CVE, MINIMIST)
    assert suppressed["reason"] == "not_affected"
    assert suppressed["justification"] == "vulnerable_code_not_present"
    assert suppressed["signers"] == ["security-team"]
    assert suppressed["bundles"] == [said["bundle"]]


def test_people_see_what_was_suppressed_and_by_whom(alarmed: Platform) -> None:
    alarmed.answer("security-team").ok()

    words = ("verify", alarmed.reference, "--app", APP, "--policy", alarmed.policy)
    shown = call_miniseal(*words, as_json=False).stdout

    assert (
        f"suppressed {CVE} (critical) in {MINIMIST}: "
        "not_affected (vulnerable_code_not_present), by security-team"
    ) in shown


def test_the_teams_later_word_takes_the_answer_back(alarmed: Platform) -> None:
    alarmed.answer("security-team").ok()
    alarmed.verify().ok()

    alarmed.answer("security-team", status="affected", at=int(time.time())).ok()

    alarmed.verify().refused("vulnerability-threshold")


def test_a_host_installs_by_the_answer_and_readmits_without_the_store(alarmed: Platform) -> None:
    alarmed.answer("security-team").ok()
    host = ("--policy", alarmed.policy, "--state", alarmed.folder / "state")
    call_miniseal("install", APP, alarmed.reference, *host).ok()
    shutil.rmtree(alarmed.layout)

    readmitted = call_miniseal("readmit", APP, *host).ok()

    assert VEX in {each["predicateType"] for each in readmitted["evidence"]}
    call_miniseal("load", APP, *host, "--wasm", alarmed.folder / "app.wasm").ok()


class TestAttest:
    def test_it_says_what_it_attached_to_what(self, platform: Platform) -> None:
        result = platform.answer("security-team").ok()

        package = tags(platform.layout)[VERSION]
        (found,) = [each for each in attached(platform.layout, package) if each.kind == VEX]
        assert result.keys() == {
            *("app_id", "package", "predicate_type", "bundle", "referrer"),
            *("key", "issuer", "identity"),
        }
        assert (result["app_id"], result["package"]) == (APP, package)
        assert result["predicate_type"] == VEX
        assert found.bundle["verificationMaterial"]["publicKey"]["hint"] == result["key"]

    def test_the_wasm_artifact_and_the_image_stay_as_they_are(self, platform: Platform) -> None:
        named = tags(platform.layout)
        others = [named[f"{VERSION}-wasm"], named[f"{VERSION}-image"]]
        before = [attached(platform.layout, digest) for digest in others]

        platform.answer("security-team").ok()

        assert [attached(platform.layout, digest) for digest in others] == before

    @pytest.mark.parametrize("tag", [f"{VERSION}-wasm", f"{VERSION}-image"])
    def test_what_is_no_package_gets_no_statement(self, platform: Platform, tag: str) -> None:
        before = snapshot(platform.layout)
        path = platform.folder / "predicate.json"
        path.write_text(json.dumps(vex()[1]), encoding="utf-8")

        run = call_miniseal(
            *("attest", f"oci:{platform.layout}:{tag}", "--predicate", path, "--type", "openvex"),
            *("--key", platform.folder / "security-team.key"),
        )

        run.refused("package-malformed")
        assert snapshot(platform.layout) == before

    @pytest.mark.parametrize(
        ("kind", "predicate", "code", "exit_code"),
        [
            ("openvex", {}, "predicate-malformed", 1),
            ("openvex", vex(status="harmless")[1], "predicate-malformed", 1),
            ("vulns", vex()[1], "predicate-malformed", 1),
            ("vuln", {}, "predicate-type-unknown", 2),
        ],
    )
    def test_what_nobody_could_read_is_not_signed(
        self,
        platform: Platform,
        kind: str,
        predicate: dict[str, object],
        code: str,
        exit_code: int,
    ) -> None:
        before = snapshot(platform.layout)

        platform.say("security-team", kind, ("", predicate)).refused(code, exit_code)

        assert snapshot(platform.layout) == before

    def test_a_predicate_that_is_not_there(self, platform: Platform) -> None:
        run = run_miniseal(
            *("attest", platform.reference, "--predicate", platform.folder / "none.json"),
            *("--type", "openvex", "--key", platform.folder / "security-team.key"),
        )

        run.refused("file-unusable", 2)


class TestPolicyCheck:
    def test_a_publisher_who_answers_for_itself_is_warned_of(self, platform: Platform) -> None:
        text = platform.policy.read_text(encoding="utf-8")
        own = text.replace('vex_signers = ["security-team"]', 'vex_signers = ["publisher"]')
        before = call_miniseal("policy", "check", platform.policy).ok()["warnings"]
        platform.policy.write_text(own, encoding="utf-8")

        after = call_miniseal("policy", "check", platform.policy).ok()["warnings"]
        (warning,) = [each for each in after if each not in before]
        shown = call_miniseal("policy", "check", platform.policy, as_json=False).stdout

        assert "publisher publishes here and may say" in warning
        assert f"warning  {warning}" in shown


class TestRelease:
    @pytest.fixture
    def vulnerable(self, project: Project) -> Path:
        """A program with a dependency that the advisories know."""
        root = project("greeting")
        (root / "package-lock.json").write_text(NPM_LOCK, encoding="utf-8")
        return root

    @pytest.fixture
    def publisher(self, tmp_path: Path, vulnerability_db: Path) -> Publisher:
        (tmp_path / "own").mkdir()
        return Publisher.new(tmp_path / "own", vulnerability_db)

    @staticmethod
    def scanning(root: Path, line: str) -> None:
        """Add a line to `[scan]`."""
        path = root / "miniseal.toml"
        text = path.read_text(encoding="utf-8")
        assert "[scan]\n" in text
        path.write_text(text.replace("[scan]\n", f"[scan]\n{line}\n"), encoding="utf-8")

    def answering(self, root: Path, **more: Any) -> None:
        """Answer the finding in the source."""
        said = {"name": CVE, "at": int(time.time()) - 60, **more}
        (root / "vex.json").write_text(json.dumps(vex({"@id": MINIMIST}, **said)[1]))
        self.scanning(root, 'vex = ["vex.json"]')

    def test_a_finding_ends_a_release_before_anything_is_published(
        self, vulnerable: Path, publisher: Publisher, tmp_path: Path
    ) -> None:
        run = publisher.release(vulnerable, tmp_path / "layout")

        run.refused("vulnerability-threshold")
        assert tags(tmp_path / "layout") == {}

    def test_the_projects_answer_lets_it_pass_and_is_published_with_it(
        self, vulnerable: Path, publisher: Publisher, tmp_path: Path
    ) -> None:
        self.answering(vulnerable)

        result = publisher.release(vulnerable, tmp_path / "layout").ok()

        found = attached(tmp_path / "layout", result["package"])
        (answer,) = [each.statement["predicate"] for each in found if each.kind == VEX]
        assert answer == json.loads((vulnerable / "vex.json").read_text(encoding="utf-8"))

    def test_a_platform_that_does_not_hear_the_publisher_stops_the_release(
        self, vulnerable: Path, publisher: Publisher, tmp_path: Path
    ) -> None:
        self.answering(vulnerable)
        policy = publisher.policy(vulnerable, tmp_path / "policy")
        text = policy.read_text(encoding="utf-8")
        assert 'vex_signers = ["publisher"]' in text
        policy.write_text(text.replace('vex_signers = ["publisher"]', "vex_signers = []"))

        run = publisher.release(vulnerable, tmp_path / "layout", "--policy", policy)

        run.refused("vulnerability-threshold")
        assert tags(tmp_path / "layout") == {}

    def test_an_answer_to_something_else_does_not(
        self, vulnerable: Path, publisher: Publisher, tmp_path: Path
    ) -> None:
        self.answering(vulnerable, name="CVE-2021-44907")

        publisher.release(vulnerable, tmp_path / "layout").refused("vulnerability-threshold")

    def test_a_denied_licence_ends_a_release(
        self, vulnerable: Path, publisher: Publisher, tmp_path: Path
    ) -> None:
        self.scanning(vulnerable, 'deny_licenses = ["MIT"]\nfail_on = "critical"')
        path = vulnerable / "miniseal.toml"
        path.write_text(path.read_text().replace('fail_on = "high"\n', ""))
        self.answering(vulnerable)

        error = publisher.release(vulnerable, tmp_path / "layout").refused("license-denied")

        assert "minimist" in error["message"]
