from collections.abc import Callable
from pathlib import Path

import pytest

from kit.packages import APP, NOW, POLICY, Scene, bundle, checks, key, scan
from miniseal.formats.errors import MinisealError
from miniseal.verifier import Policy, verify
from miniseal.verifier.core import Trusting
from miniseal.verifier.evidence import URIS
from miniseal.verifier.explanation import Explanation, explain


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def explained(scene: Scene, app_id: str = APP, reference: str = "1.0.0") -> Explanation:
    trusting = Trusting(policy=Policy.load(scene.path), now=NOW)
    return explain(app_id, scene.repository, reference, trusting)


def test_of_a_good_package_every_point_is_met_and_the_verdict_is_verifys(scene: Scene) -> None:
    scene.release()

    found = explained(scene)

    assert [(each.name, each.error) for each in found.points] == [
        ("package", None),
        ("evidence", None),
        ("provenance", None),
        ("sbom", None),
        ("vulnerabilities", None),
        ("checks", None),
        ("capabilities", None),
        ("publishers", None),
        ("content", None),
    ]
    assert found.examined is not None
    verdict = verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)
    assert found.examined.verdict.to_json() == verdict.to_json()


def test_a_requirement_says_what_it_demands_and_what_it_rests_on(scene: Scene) -> None:
    scene.release()

    scans = explained(scene).points[4]

    assert scans.name == "vulnerabilities"
    assert "14d" in scans.demands[0]
    (heard,) = scans.heard
    assert (heard.relied, heard.signers, heard.error) == (True, ("acme",), None)


def test_everything_that_is_missing_is_told_at_once(scene: Scene) -> None:
    made = scene.release(without=["sbom", "scan"])
    scene.repository.say(made, scan([("CVE-2026-1", "high")]))

    found = explained(scene)

    codes = {each.name: each.error.code for each in found.points if each.error}
    assert codes == {"sbom": "attestation-missing", "vulnerabilities": "vulnerability-threshold"}
    assert found.examined is None


def test_what_was_set_aside_is_told_with_its_reason(scene: Scene) -> None:
    made = scene.release(without=["checks"])
    scene.repository.attach(made, bundle(*checks(), [made.digest], key("stranger")))

    (point,) = [each for each in explained(scene).points if each.name == "checks"]

    (heard,) = point.heard
    assert heard.error is not None
    assert (heard.error.code, heard.relied, heard.signers) == ("identity-mismatch", False, ())
    assert heard.predicate_type in URIS.values()
    assert point.error is not None
    assert point.error.hint


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda scene: scene.release(without=["scai"]), id="requirement"),
        pytest.param(lambda scene: scene.release(version="2.0.0"), id="absent"),
        pytest.param(
            lambda scene: scene.policy(POLICY.replace("2027-03-01", "2026-01-01")), id="expired"
        ),
        pytest.param(lambda scene: scene.policy(POLICY.replace("com.acme", "com.b")), id="unknown"),
        pytest.param(
            lambda scene: (
                scene.policy(POLICY.replace('permissions = ["storage"]', "")),
                scene.release(),
            ),
            id="content",
        ),
    ],
)
def test_its_first_refusal_is_the_one_that_verify_raises(
    scene: Scene, spoil: Callable[[Scene], object]
) -> None:
    spoil(scene)

    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)
    found = explained(scene)

    assert found.error is not None
    assert found.error.code == error.value.code
    assert found.to_json()["app_id"] == APP
