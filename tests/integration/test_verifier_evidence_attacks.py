"""What an attacker would do with evidence: withhold, replay, forge, contradict, flood."""

from dataclasses import replace
from pathlib import Path

import pytest

from kit.hosts import install_code
from kit.packages import (
    APP,
    CHECKS,
    NOW,
    POLICY,
    SCANNER,
    Scene,
    bundle,
    checks,
    key,
    package,
    provenance,
    sbom,
    scan,
)
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.oci import Descriptor

DAY = 86_400


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_older_clean_scan_does_not_outvote_a_newer_bad_one(scene: Scene) -> None:
    made = scene.release()
    bad = scan([("CVE-2026-1", "critical")], finished=NOW - 60)
    scene.repository.say(made, bad, key("scanner"))

    assert install_code(scene) == "vulnerability-threshold"


def test_of_two_scans_of_one_moment_the_worse_decides(scene: Scene) -> None:
    made = scene.release()
    scene.repository.say(made, scan([("CVE-2026-1", "high")]), key("scanner"))

    assert install_code(scene) == "vulnerability-threshold"


def test_a_newer_clean_scan_does_outvote_an_older_bad_one(scene: Scene) -> None:
    scene.now = NOW - DAY
    made = scene.release(findings=[("CVE-2026-1", "high")])
    scene.now = NOW
    scene.repository.say(made, scan(), key("scanner"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_an_unknown_severity_counts_as_critical(scene: Scene) -> None:
    scene.policy(POLICY.replace('fail_on = "high"', 'fail_on = "critical"'))
    scene.release(findings=[("CVE-2026-1", "unknown")])

    assert install_code(scene) == "vulnerability-threshold"


def test_a_scan_from_the_future_is_refused(scene: Scene) -> None:
    made = scene.release(without=["scan"])
    scene.repository.say(made, scan(finished=NOW + 301))

    assert install_code(scene) == "scan-from-future"


def test_a_fresh_scan_with_an_old_database_is_stale(scene: Scene) -> None:
    made = scene.release(without=["scan"])
    scene.repository.say(made, scan(finished=NOW - 60, updated=NOW - 14 * DAY))

    assert install_code(scene) == "scan-stale"


def test_one_signed_failure_vetoes_every_pass(scene: Scene) -> None:
    made = scene.release()
    scene.repository.say(made, checks(["secrets"], failed=["program"]))

    assert install_code(scene) == "test-failed"


@pytest.mark.parametrize(
    "bad", [checks(result="FAILED"), checks(failed=["program"], result="PASSED")]
)
def test_a_failure_is_one_by_its_result_or_by_its_tests(
    scene: Scene, bad: tuple[str, dict[str, object]]
) -> None:
    made = scene.release()
    scene.repository.say(made, bad)

    assert install_code(scene) == "test-failed"


def test_a_builder_of_another_signer_is_refused(scene: Scene) -> None:
    theirs = '[[builder]]\nid = "theirs"\nsigners = ["scanner"]\nlevel = 3\n\n[[namespace]]'
    scene.policy(POLICY.replace("[[namespace]]", theirs))
    made = scene.release(without=["provenance"])
    scene.repository.say(made, provenance(builder="theirs"))

    assert install_code(scene) == "builder-untrusted"


def test_the_latest_scans_of_enough_keys_have_to_be_good(scene: Scene) -> None:
    """Two of three scanners have to find nothing; one that is stale does not spoil the others."""
    keys = ", ".join(f'{{file = "{name}.pub"}}' for name in ("scanner", "second", "stranger"))
    one = '[{file = "scanner.pub"}]'
    policy = POLICY.replace(one, f"[{keys}]\nthreshold = 2")
    scene.policy(policy.replace('signers = ["acme", "scanner"]', 'signers = ["scanner"]'))
    made = scene.release(without=["scan"])
    scene.repository.say(made, scan(finished=NOW - 20 * DAY), key("stranger"))
    scene.repository.say(made, scan(), key("scanner"))
    assert install_code(scene) == "scan-stale"

    scene.repository.say(made, scan(), key("second"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_missing_check_is_noticed(scene: Scene) -> None:
    made = scene.release(without=["checks"])
    scene.repository.say(made, checks([name for name in CHECKS if name != "rebuild"]))

    assert install_code(scene) == "test-missing"


def test_two_results_together_may_pass_everything(scene: Scene) -> None:
    made = scene.release(without=["checks"])
    scene.repository.say(made, checks(["program"]))
    scene.repository.say(made, checks([name for name in CHECKS if name != "program"]))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


@pytest.mark.parametrize("name", ["provenance", "sbom", "scan", "checks", "scai"])
def test_missing_evidence_is_refused(scene: Scene, name: str) -> None:
    scene.release(without=[name])

    assert install_code(scene) == "attestation-missing"


def test_a_bill_of_another_wasm_is_refused(scene: Scene) -> None:
    made = scene.release(without=["sbom"])
    scene.repository.say(made, sbom(sha256(b"another wasm")))

    assert install_code(scene) == "sbom-mismatch"


def test_a_builder_that_the_policy_does_not_know_is_refused(scene: Scene) -> None:
    made = scene.release(without=["provenance"])
    scene.repository.say(made, provenance(builder="https://builders.example/two"))

    assert install_code(scene) == "builder-untrusted"


def test_a_builder_of_too_low_a_level_is_refused(scene: Scene) -> None:
    policy = POLICY.replace(
        "[[namespace]]", '[[builder]]\nid = "low"\nsigners = ["acme"]\nlevel = 1\n\n[[namespace]]'
    )
    scene.policy(policy)
    made = scene.release(without=["provenance"])
    scene.repository.say(made, provenance(builder="low"))

    assert install_code(scene) == "builder-untrusted"


def test_a_source_among_the_dependencies_is_not_the_source(scene: Scene) -> None:
    made = scene.release(without=["provenance"])
    said = provenance(source={"uri": "https://git.example/mallory/tip"}, dependencies=[SCANNER])
    scene.repository.say(made, said)

    assert install_code(scene) == "source-mismatch"


def test_a_hundred_junk_referrers_do_not_deny_service(scene: Scene) -> None:
    made = package()
    for number in range(100):
        strange = scan([(f"CVE-{number}", "critical")], finished=NOW - number)
        scene.repository.attach(made, bundle(*strange, [made.digest], key("stranger")))
        scene.repository.attach(made, b"junk %d" % number)
    scene.release(made=made)

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_thousand_forged_claims_are_refused_before_a_hundred_verifications(
    scene: Scene,
) -> None:
    made = scene.release()
    forged = Bundle.from_bytes(bundle(*checks(), [made.digest], key("stranger")))
    for number in range(100):
        envelope = replace(forged.envelope, signatures=(b"%d" % number,))
        claim = replace(forged, envelope=envelope, key_hint=key("acme").hint)
        scene.repository.attach(made, claim.to_bytes())

    assert install_code(scene) == "evidence-limit"


def test_too_many_bytes_of_bundles_are_refused(scene: Scene) -> None:
    made = scene.release()
    for number in range(5):
        scene.repository.attach(made, b"%d" % number + bytes(7 * 1024 * 1024))

    assert install_code(scene) == "evidence-limit"


def test_years_of_daily_scans_do_not_reach_the_limit(scene: Scene) -> None:
    made = scene.release()
    for day in range(1, 100):
        scene.repository.say(made, scan(finished=NOW - day * DAY), key("scanner"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_referrer_whose_content_is_gone_does_not_deny_service(scene: Scene) -> None:
    made = scene.release()
    blob = scene.repository.attach(made, b"gone")
    del scene.repository.blobs[blob.digest]

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_an_authorised_statement_that_cannot_be_read_refuses(scene: Scene) -> None:
    made = scene.release()
    scene.repository.attach(made, bundle(scan()[0], {"scanner": 1}, [made.digest]))

    assert install_code(scene) == "predicate-malformed"


def test_junk_of_another_kind_is_not_even_read(scene: Scene) -> None:
    made = scene.release()
    reads = scene.repository.reads
    scene.verifier().install(APP, scene.repository, "1.0.0")
    before = scene.repository.reads - reads
    other = Descriptor(
        media_type="application/vnd.oci.image.manifest.v1+json",
        digest=sha256(b"a picture"),
        size=100,
        artifact_type="image/png",
    )
    scene.repository.attached[made.digest].append(other)
    scene.repository.attach(made, b"junk", "https://example.org/other")
    reads = scene.repository.reads

    scene.verifier().install(APP, scene.repository, "1.0.0")

    assert scene.repository.reads - reads == before
