"""A host whose policy asks for a layout, and people who would get around it."""

import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit.fakesigstore import GITHUB
from kit.keyless import KEYLESS, FakeSigner, keyless_scene
from kit.packages import APP, NOW, POLICY, Package, Scene, key, package
from miniseal.attestations import Signer, sign_statement
from miniseal.attestations.layout import functionary_key, sign_layout
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.layout import PACKAGE
from miniseal.formats.predicates.link import PREDICATE_TYPE
from miniseal.formats.statement import Statement, Subject
from miniseal.formats.times import to_text
from miniseal.pipeline.steps.links import PERFORMED, claims, release_layout

KEY_ID, KEY = functionary_key(key("acme").public_pem, "acme")
DAY = 86_400
RULE = """
[namespace.require.layout]
file = "release.layout"
signers = ["owner"]
[namespace.require.layout.functionaries]
{ids}
[permission.storage]"""


def demanding(text: str, functionaries: dict[str, str]) -> str:
    """A policy that asks for a layout too."""
    ids = "\n".join(f'{key_id} = "{name}"' for key_id, name in functionaries.items())
    owner = '\n[signer.owner]\nkeys = [{file = "owner.pub"}]\n'
    return text.replace("\n[permission.storage]", RULE.format(ids=ids)) + owner


def follow(scene: Scene, signed: bytes, functionaries: dict[str, str], text: str = POLICY) -> Scene:
    """Let the scene's policy ask for this layout."""
    (scene.path.parent / "owner.pub").write_bytes(key("owner").public_pem)
    (scene.path.parent / "release.layout").write_bytes(signed)
    scene.policy(demanding(text, functionaries))
    return scene


def artifacts(made: Package) -> dict[str, str]:
    """What the links of a package's release are about."""
    names = {name for step in PERFORMED for name in (*step.materials, *step.products)}
    own = {"app.wasm": made.config.wasm.digest, PACKAGE: made.digest}
    return {name: sha256(f"{name} of {made.digest}".encode()) for name in names} | own


def link_bundles(made: Package, signer: Signer | None = None) -> dict[str, bytes]:
    """A signed link of each step."""
    signed = (
        sign_statement(each.statement, signer or key("acme")) for each in claims(artifacts(made))
    )
    return dict(zip((step.name for step in PERFORMED), signed, strict=True))


def attach(scene: Scene, made: Package, bundles: Iterable[bytes]) -> None:
    for each in bundles:
        scene.repository.attach(made, each, PREDICATE_TYPE)


def refusal(scene: Scene) -> MinisealError:
    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, scene.repository, "1.0.0")
    return error.value


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    layout = release_layout({KEY_ID: KEY}, expires=to_text(NOW + DAY))
    signed = sign_layout(layout.to_bytes(), key("owner"))
    return follow(Scene(tmp_path), signed, {KEY_ID: "acme"})


@pytest.fixture
def made(scene: Scene) -> Package:
    return scene.release()


def test_a_package_with_its_links_is_admitted_until_the_layout_ends(
    scene: Scene, made: Package
) -> None:
    attach(scene, made, link_bundles(made).values())

    admission = scene.verifier().install(APP, scene.repository, "1.0.0")

    assert admission.expires == to_text(NOW + DAY)
    assert scene.verifier().load(APP)
    assert scene.verifier().readmit(APP).expires == to_text(NOW + DAY)


def test_a_layout_at_its_end_ends_the_admission(scene: Scene, made: Package) -> None:
    attach(scene, made, link_bundles(made).values())
    scene.verifier().install(APP, scene.repository, "1.0.0")

    scene.now = NOW + DAY

    with pytest.raises(MinisealError) as loading:
        scene.verifier().load(APP)
    with pytest.raises(MinisealError) as readmitting:
        scene.verifier().readmit(APP)
    assert (loading.value.code, readmitting.value.code) == ("admission-expired", "layout-expired")


@pytest.mark.parametrize("missing", [step.name for step in PERFORMED])
def test_every_link_is_needed(scene: Scene, made: Package, missing: str) -> None:
    attach(scene, made, (each for name, each in link_bundles(made).items() if name != missing))

    assert refusal(scene).code == "link-missing"


def test_links_by_a_stranger_do_not_count(scene: Scene, made: Package) -> None:
    attach(scene, made, link_bundles(made, key("stranger")).values())

    assert refusal(scene).code == "link-missing"


def test_links_by_another_signer_of_the_policy_do_not_count(scene: Scene, made: Package) -> None:
    attach(scene, made, link_bundles(made, key("scanner")).values())

    assert refusal(scene).code == "link-missing"


def test_links_of_an_older_release_do_not_speak_for_a_newer_one(
    scene: Scene, made: Package
) -> None:
    newer = scene.release(made=package(code=2, version="2.0.0"))
    attach(scene, newer, link_bundles(made).values())

    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, scene.repository, "2.0.0")
    assert error.value.code == "subject-mismatch"


def test_the_gate_of_this_release_with_the_rest_of_another_is_refused(
    scene: Scene, made: Package
) -> None:
    other = link_bundles(package(code=2, version="2.0.0"))
    attach(scene, made, {**other, "gate": link_bundles(made)["gate"]}.values())

    assert refusal(scene).code == "link-rule"


def test_junk_and_older_links_beside_the_right_ones_change_nothing(
    scene: Scene, made: Package
) -> None:
    good = link_bundles(made)
    forged = [_with_signature_of(good["gate"], each) for each in link_bundles(made).values()]
    older = (link_bundles(package(code=code, version=f"{code}.0.0")) for code in (2, 3))
    attach(scene, made, (b"{}", b"no bundle", *forged))
    for each in older:
        attach(scene, made, each.values())
    attach(scene, made, good.values())

    assert scene.verifier().install(APP, scene.repository, "1.0.0")


def _with_signature_of(signed: bytes, other: bytes) -> bytes:
    bundle, taken = json.loads(other), json.loads(signed)
    bundle["dsseEnvelope"]["signatures"] = taken["dsseEnvelope"]["signatures"]
    return json.dumps(bundle).encode()


def test_a_forged_link_is_told_of_when_there_is_no_other(scene: Scene, made: Package) -> None:
    good = link_bundles(made)
    attach(scene, made, {**good, "build": _with_signature_of(good["gate"], good["build"])}.values())

    error = refusal(scene)

    assert (error.code, error.found) == ("link-missing", "1 set aside (signature-invalid)")


def test_a_sublayout_in_a_links_place_is_not_followed(scene: Scene, made: Package) -> None:
    layout = release_layout({KEY_ID: KEY}, expires=to_text(NOW + DAY))
    sublayout = sign_layout(layout.to_bytes(), key("acme"))
    attach(scene, made, {**link_bundles(made), "build": sublayout}.values())

    assert refusal(scene).code == "link-missing"


def test_an_authorised_link_that_cannot_be_read_is_refused(scene: Scene, made: Package) -> None:
    statement = Statement(
        subjects=(Subject.of(made.digest, PACKAGE),),
        predicate_type=PREDICATE_TYPE,
        predicate={"name": "gate", "materials": {}},
    )
    attach(scene, made, link_bundles(made).values())
    attach(scene, made, [sign_statement(statement.to_bytes(), key("acme"))])

    assert refusal(scene).code == "predicate-malformed"


def test_a_layout_that_somebody_else_signed_is_refused(scene: Scene, made: Package) -> None:
    path = scene.path.parent / "release.layout"
    attach(scene, made, link_bundles(made).values())
    path.write_bytes(
        sign_layout(Bundle.from_bytes(path.read_bytes()).envelope.payload, key("acme"))
    )

    assert refusal(scene).code == "layout-untrusted"


@pytest.fixture
def keyless(tmp_path: Path) -> Scene:
    """The publisher, who is the functionary, is a workflow."""
    functionary = "f0" * 32
    layout = release_layout({functionary: None}, expires=to_text(NOW + DAY))
    signed = sign_layout(layout.to_bytes(), key("owner"))
    return follow(keyless_scene(tmp_path), signed, {functionary: "acme"}, KEYLESS)


def test_a_functionary_can_be_a_workflow(keyless: Scene) -> None:
    made = keyless.release(signer=FakeSigner.of())
    attach(keyless, made, link_bundles(made, FakeSigner.of()).values())

    assert keyless.verifier().install(APP, keyless.repository, "1.0.0")


def test_another_repositorys_run_of_the_same_workflow_is_no_functionary(keyless: Scene) -> None:
    made = keyless.release(signer=FakeSigner.of())
    other = FakeSigner.of(extensions={**GITHUB, "15": "999", "17": "998"})
    attach(keyless, made, link_bundles(made, other).values())

    assert refusal(keyless).code == "link-missing"


def test_checks_at_the_same_time_do_not_disturb_each_other(scene: Scene, made: Package) -> None:
    from miniseal.verifier import Policy, verify

    attach(scene, made, link_bundles(made).values())
    bad = scene.release(made=package(code=2, version="2.0.0"))
    other = {**link_bundles(bad), "build": link_bundles(made)["build"]}
    attach(scene, bad, other.values())
    policy = Policy.load(scene.path)

    def outcome(version: str) -> str:
        try:
            verify(APP, scene.repository, version, policy, now=NOW)
        except MinisealError as error:
            return error.code
        return "admitted"

    with ThreadPoolExecutor(8) as pool:
        outcomes = [*pool.map(outcome, ["1.0.0", "2.0.0"] * 16)]

    assert outcomes == ["admitted", "link-rule"] * 16


APART = """
import sys
from miniseal.formats.layout import PACKAGE, LayoutStep
from miniseal.verifier.links.artifacts import Artifacts, broken_rule
step = LayoutStep(
    name="pack",
    materials=(("DISALLOW", "*"),),
    products=(("REQUIRE", PACKAGE), ("CREATE", "*"), ("DISALLOW", "*")),
    functionaries=("ab" * 32,),
    command=("touch", sys.argv[1]),
)
made = {"pack": Artifacts(materials={}, products={PACKAGE: "sha256:" + "0" * 64})}
broken_rule(step, made)  # imports in-toto
seen = []
quiet = ("compile", "marshal", "object", "sys._getframe")
sys.addaudithook(lambda event, _: None if event.startswith(quiet) else seen.append(event))
assert broken_rule(step, made) is None
print(sorted(set(seen)))
"""


def test_in_totos_engine_opens_and_runs_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", APART, tmp_path / "touched"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "[]\n", done.stderr
    assert not (tmp_path / "touched").exists()
