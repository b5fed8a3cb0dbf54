"""VEX at a host: whose word counts, for what, until when, and what an attacker would try."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kit.hosts import install_code, load_code
from kit.packages import (
    APP,
    NOW,
    POLICY,
    Package,
    Scene,
    bundle,
    key,
    package,
    sbom,
    scan,
    vex,
    wasm_module,
)
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.openvex import STATEMENTS_LIMIT
from miniseal.formats.predicates.vulns import Finding
from miniseal.verifier import Policy, Verdict, verify

LEFT = "pkg:npm/left@1.0.0"
BAD = Finding(id="CVE-2026-1", severity="high", package=LEFT, installed="1.0.0")
COMPONENT: dict[str, object] = {"@id": LEFT}
SECURITY = 'signer.security]\nkeys = [{file = "security.pub"}]\n\n[signer.scanner]'
LISTENING = POLICY.replace("signer.scanner]", SECURITY).replace(
    'fail_on = "high"', 'fail_on = "high"\nvex_signers = ["security"]'
)
DAY = 86_400


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A platform whose security team answers findings."""
    return Scene(tmp_path, LISTENING)


@pytest.fixture
def made(scene: Scene) -> Package:
    """A package with a finding that nobody has answered."""
    return scene.release(findings=[BAD])


def verdict(scene: Scene) -> Verdict:
    policy = Policy.load(scene.path)
    return verify(APP, scene.repository, "1.0.0", policy, now=scene.now)


def test_a_finding_that_nobody_answers_refuses(scene: Scene, made: Package) -> None:
    assert made.digest
    assert install_code(scene) == "vulnerability-threshold"


def test_what_a_named_signer_says_is_harmless_does_not_count_and_stays_visible(
    scene: Scene, made: Package
) -> None:
    said = scene.repository.say(made, vex(COMPONENT), key("security"))

    result = verdict(scene).to_json()

    (suppressed,) = result["suppressed"]  # type: ignore[misc]
    assert suppressed["vulnerability"] == "CVE-2026-1"
    assert suppressed["package"] == LEFT
    assert suppressed["reason"] == "not_affected"
    assert suppressed["justification"] == "vulnerable_code_not_present"
    assert suppressed["signers"] == ["security"]
    assert suppressed["bundles"] == [said.digest]


def test_without_a_word_of_anybody_nothing_is_suppressed(scene: Scene) -> None:
    scene.release()

    assert verdict(scene).to_json()["suppressed"] == []


@pytest.mark.parametrize("signer", ["acme", "scanner", "stranger"])
def test_what_others_say_neither_helps_nor_hurts(scene: Scene, made: Package, signer: str) -> None:
    scene.repository.say(made, vex(COMPONENT), key(signer))
    assert install_code(scene) == "vulnerability-threshold"

    scene.repository.say(made, vex(COMPONENT), key("security"))
    scene.repository.say(made, vex(COMPONENT, status="affected", at=NOW - 30), key(signer))
    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_publishers_own_word_counts_where_the_policy_names_it(scene: Scene) -> None:
    scene.policy(LISTENING.replace('vex_signers = ["security"]', 'vex_signers = ["acme"]'))
    made = scene.release(findings=[BAD])
    scene.repository.say(made, vex(COMPONENT))

    (suppressed,) = verdict(scene).suppressed

    assert suppressed.signers == ("acme",)


def test_a_policy_that_names_nobody_hears_nobody(scene: Scene, made: Package) -> None:
    scene.policy(POLICY)
    scene.repository.say(made, vex(COMPONENT), key("security"))
    scene.repository.say(made, vex(COMPONENT))

    assert install_code(scene) == "vulnerability-threshold"


@pytest.mark.parametrize(
    ("product", "name"),
    [
        pytest.param({"@id": "pkg:npm/right@1.0.0"}, "CVE-2026-1", id="another-component"),
        pytest.param({"@id": "pkg:npm/left@1.0.1"}, "CVE-2026-1", id="another-version"),
        pytest.param({"@id": "com.acme.other"}, "CVE-2026-1", id="another-program"),
        pytest.param({"hashes": {"sha-256": "0" * 64}}, "CVE-2026-1", id="another-package"),
        pytest.param(COMPONENT, "CVE-2026-10", id="another-vulnerability"),
    ],
)
def test_what_is_said_of_something_else_suppresses_nothing(
    scene: Scene, made: Package, product: dict[str, object], name: str
) -> None:
    scene.repository.say(made, vex(product, name=name), key("security"))

    assert install_code(scene) == "vulnerability-threshold"


@pytest.mark.parametrize("subject", ["wasm", "another-package"])
def test_a_statement_about_another_subject_is_not_about_the_package(
    scene: Scene, made: Package, subject: str
) -> None:
    digest = made.config.wasm.digest if subject == "wasm" else package(code=2).digest
    scene.repository.attach(made, bundle(*vex(), [digest], key("security")))

    assert install_code(scene) == "vulnerability-threshold"


def test_a_forged_signature_is_nobodys_word(scene: Scene, made: Package) -> None:
    forged = Bundle.from_bytes(bundle(*vex(COMPONENT), [made.digest], key("stranger")))
    scene.repository.attach(made, replace(forged, key_hint=key("security").hint).to_bytes())

    assert install_code(scene) == "vulnerability-threshold"


def test_a_later_word_takes_an_earlier_one_back(scene: Scene, made: Package) -> None:
    scene.repository.say(made, vex(COMPONENT, at=NOW - 60), key("security"))
    scene.verifier().install(APP, scene.repository, "1.0.0")

    scene.repository.say(made, vex({"@id": APP}, status="affected", at=NOW - 30), key("security"))

    assert install_code(scene) == "vulnerability-threshold"


def test_a_newer_version_of_a_document_replaces_the_older(scene: Scene, made: Package) -> None:
    same: dict[str, Any] = {"@id": "https://vex.example/1"}
    scene.repository.say(made, vex(COMPONENT, **same), key("security"))
    empty = vex(COMPONENT, **same, version=2, statements=[])
    scene.repository.say(made, empty, key("security"))

    assert install_code(scene) == "vulnerability-threshold"


def test_what_the_future_says_does_not_count_yet(scene: Scene, made: Package) -> None:
    scene.repository.say(made, vex(COMPONENT, at=NOW + DAY), key("security"))
    assert install_code(scene) == "vulnerability-threshold"

    scene.now = NOW + DAY
    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_signed_document_that_cannot_be_read_refuses(scene: Scene, made: Package) -> None:
    scene.repository.say(made, vex(COMPONENT), key("security"))
    scene.repository.say(made, vex(COMPONENT, statements="none"), key("security"))

    assert install_code(scene) == "predicate-malformed"


def test_a_document_of_a_hundred_thousand_statements(scene: Scene, made: Package) -> None:
    many = [{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}] * (STATEMENTS_LIMIT + 1)
    scene.repository.say(made, vex(statements=many), key("stranger"))
    scene.repository.say(made, vex(COMPONENT), key("security"))
    scene.verifier().install(APP, scene.repository, "1.0.0")

    scene.repository.say(made, vex(statements=many), key("security"))
    assert install_code(scene) == "predicate-malformed"


def test_more_documents_than_one_admission_looks_at(scene: Scene, made: Package) -> None:
    for number in range(65):
        scene.repository.say(made, vex(COMPONENT, at=NOW - number), key("security"))

    assert install_code(scene) == "evidence-limit"


def test_a_denied_signer_is_not_heard_any_more(scene: Scene, made: Package) -> None:
    scene.repository.say(made, vex(COMPONENT), key("security"))
    scene.policy(f'{LISTENING}\n[[deny]]\nsigner = "security"\nreason = "stolen"\n')

    assert install_code(scene) == "vulnerability-threshold"


def test_as_many_keys_have_to_agree_as_the_signers_threshold_says(
    scene: Scene, made: Package
) -> None:
    two = '[{file = "security.pub"}, {file = "second.pub"}]\nthreshold = 2'
    scene.policy(LISTENING.replace('[{file = "security.pub"}]', two))
    scene.repository.say(made, vex(COMPONENT), key("security"))
    assert install_code(scene) == "vulnerability-threshold"

    scene.repository.say(made, vex(COMPONENT), key("second"))
    (suppressed,) = verdict(scene).suppressed
    assert len(suppressed.bundles) == 2


def test_of_two_scans_each_finding_needs_an_answer(scene: Scene, made: Package) -> None:
    scene.repository.say(made, vex(COMPONENT), key("security"))
    worse = [BAD, replace(BAD, id="CVE-2026-2")]
    scene.repository.say(made, scan(worse, finished=NOW - 30), key("scanner"))

    assert install_code(scene) == "vulnerability-threshold"


class TestWhatIsInstalled:
    def test_the_answer_is_kept_with_the_evidence(self, scene: Scene, made: Package) -> None:
        said = scene.repository.say(made, vex(COMPONENT), key("security"))

        admission = scene.verifier().install(APP, scene.repository, "1.0.0")

        kept = {each["bundle"]: each for each in admission.evidence}
        assert kept[said.digest]["predicateType"] == "https://openvex.dev/ns"
        assert kept[said.digest]["signers"] == ["security"]
        assert (scene.state / "blobs" / "sha256" / said.digest[7:]).is_file()

    def test_readmitting_needs_nothing_but_what_is_stored(
        self, scene: Scene, made: Package
    ) -> None:
        scene.repository.say(made, vex(COMPONENT), key("security"))
        scene.verifier().install(APP, scene.repository, "1.0.0")
        scene.repository.blobs.clear()

        admission = scene.verifier().readmit(APP)

        assert admission.generation == 2
        assert scene.verifier().load(APP).app_id == APP

    def test_a_policy_that_hears_nobody_any_more_refuses_what_is_stored(
        self, scene: Scene, made: Package
    ) -> None:
        scene.repository.say(made, vex(COMPONENT), key("security"))
        scene.verifier().install(APP, scene.repository, "1.0.0")
        silent = LISTENING.replace('vex_signers = ["security"]', "vex_signers = []")
        scene.policy(silent.replace("serial = 1", "serial = 2"))

        assert load_code(scene) == "policy-changed"
        with pytest.raises(MinisealError) as error:
            scene.verifier().readmit(APP)
        assert error.value.code == "vulnerability-threshold"

    def test_it_lasts_no_longer_than_the_key_that_answered(
        self, scene: Scene, made: Package
    ) -> None:
        ended = '{file = "security.pub", not_after = 2026-11-22T00:00:00Z}'
        scene.policy(LISTENING.replace('{file = "security.pub"}', ended))
        scene.repository.say(made, vex(COMPONENT), key("security"))

        admission = scene.verifier().install(APP, scene.repository, "1.0.0")

        assert admission.expires == "2026-11-22T00:00:00Z"
        scene.now = NOW + DAY
        assert load_code(scene) == "admission-expired"

    def test_an_answer_that_was_not_needed_shortens_nothing(self, scene: Scene) -> None:
        ended = '{file = "security.pub", not_after = 2026-11-22T00:00:00Z}'
        scene.policy(LISTENING.replace('{file = "security.pub"}', ended))
        clean = scene.release()
        scene.repository.say(clean, vex(COMPONENT), key("security"))

        admission = scene.verifier().install(APP, scene.repository, "1.0.0")

        assert len(admission.evidence) == 7  # the host's own summary among them
        assert admission.expires > "2026-11-23"


class TestUnfixed:
    POLICY = POLICY.replace('fail_on = "high"', 'fail_on = "high"\nignore_unfixed = true')

    def test_what_nothing_mends_passes_and_stays_visible(self, tmp_path: Path) -> None:
        scene = Scene(tmp_path, self.POLICY)
        scene.release(findings=[BAD])

        (suppressed,) = verdict(scene).suppressed

        assert (suppressed.finding, suppressed.reason, suppressed.signers) == (BAD, "no_fix", ())

    def test_what_an_update_mends_refuses(self, tmp_path: Path) -> None:
        scene = Scene(tmp_path, self.POLICY)
        scene.release(findings=[replace(BAD, fixed="1.0.1")])

        assert install_code(scene) == "vulnerability-threshold"

    def test_a_scan_that_does_not_speak_of_fixes_refuses(self, tmp_path: Path) -> None:
        scene = Scene(tmp_path, self.POLICY)
        scene.release(findings=[("CVE-2026-1", "high")])

        assert install_code(scene) == "vulnerability-threshold"


class TestLicenses:
    DENYING = POLICY.replace(
        '[namespace.require.sbom]\nsigners = ["acme"]',
        '[namespace.require.sbom]\nsigners = ["acme"]\ndeny_licenses = ["GPL-*", "AGPL-*"]',
    )

    def install(self, folder: Path, policy: str, *parts: dict[str, object]) -> Scene:
        """A scene with a package whose bill has these parts."""
        scene = Scene(folder, policy)
        made = package(wasm=wasm_module(mark=sha256(json.dumps(parts).encode()).encode()))
        scene.release(made=made, without=["sbom"])
        kind, bill = sbom(made.config.wasm.digest)
        named: list[dict[str, object]] = [
            {"type": "library", "name": "left", **part} for part in parts
        ]
        scene.repository.say(made, (kind, {**bill, "components": named}))
        return scene

    @pytest.mark.parametrize(
        "part",
        [
            {"licenses": [{"license": {"id": "MIT"}}]},
            {"licenses": [{"expression": "GPL-3.0-only OR MIT"}]},
            {"licenses": [{"license": {"id": "LGPL-2.1-only"}}]},
            {"licenses": [{"license": {"id": "GPL-2.0-only"}}], "scope": "excluded"},
            {},
        ],
    )
    def test_what_no_pattern_denies_is_admitted(
        self, tmp_path: Path, part: dict[str, object]
    ) -> None:
        scene = self.install(tmp_path, self.DENYING, part)

        assert verdict(scene).app_id == APP

    @pytest.mark.parametrize(
        "licenses",
        [
            [{"license": {"id": "GPL-3.0-only"}}],
            [{"license": {"id": "MIT"}}, {"license": {"id": "AGPL-3.0-only"}}],
            [{"expression": "MIT AND GPL-2.0-or-later"}],
            [{"license": {"name": "gpl-2.0"}}],
        ],
    )
    def test_what_a_pattern_denies_is_refused(
        self, tmp_path: Path, licenses: list[dict[str, object]]
    ) -> None:
        scene = self.install(tmp_path, self.DENYING, {}, {"licenses": licenses})

        assert install_code(scene) == "license-denied"

    def test_a_denied_part_of_a_part_is_refused(self, tmp_path: Path) -> None:
        inner = {"type": "library", "name": "x", "licenses": [{"license": {"id": "GPL-2.0"}}]}
        scene = self.install(tmp_path, self.DENYING, {"components": [inner]})

        assert install_code(scene) == "license-denied"

    def test_an_unknown_licence_is_refused_where_the_policy_says_so(self, tmp_path: Path) -> None:
        strict = self.DENYING.replace(
            'deny_licenses = ["GPL-*", "AGPL-*"]', 'unknown_licenses = "refuse"'
        )
        scene = self.install(tmp_path, strict, {"licenses": [{"license": {"name": "see LICENSE"}}]})
        assert install_code(scene) == "license-denied"

        known = self.install(
            tmp_path / "known",
            strict,
            {"licenses": [{"license": {"id": "MIT"}}]},
            {"type": "file", "name": "app.wasm"},
            {"scope": "excluded"},
        )
        assert verdict(known).app_id == APP
