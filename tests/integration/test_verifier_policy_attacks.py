"""Going back in versions, policies and time; keys that have ended; keys that are too few."""

from pathlib import Path

import pytest

from kit.hosts import install_code, installed, load_code
from kit.packages import (
    APP,
    POLICY,
    Scene,
    checks,
    key,
    package,
    provenance,
    sbom,
    scai,
    scan,
    wasm_module,
)
from miniseal.formats.errors import MinisealError

DAY = 86_400


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_older_version_is_refused(scene: Scene) -> None:
    scene.release(code=1)
    installed(scene, 2)

    assert install_code(scene, "1.0.0") == "rollback"


def test_removal_does_not_reset_the_highest_version(scene: Scene) -> None:
    scene.release(code=1)
    installed(scene, 2)
    scene.verifier().remove(APP)

    assert load_code(scene) == "not-installed"
    assert install_code(scene, "1.0.0") == "rollback"


def test_the_same_code_with_other_bytes_is_refused(scene: Scene) -> None:
    installed(scene)
    scene.release(made=package(wasm=wasm_module(mark=b"other")))

    assert install_code(scene) == "version-reused"


def test_removal_does_not_free_a_version_code(scene: Scene) -> None:
    installed(scene)
    scene.verifier().remove(APP)
    scene.release(made=package(wasm=wasm_module(mark=b"other")))

    assert install_code(scene) == "version-reused"


def test_a_policy_of_a_lower_serial_is_refused(scene: Scene) -> None:
    scene.policy(POLICY.replace("serial = 1", "serial = 2"))
    installed(scene)
    scene.policy(POLICY)

    assert load_code(scene) == "policy-changed"
    assert install_code(scene) == "policy-rollback"


def test_a_changed_policy_of_the_same_serial_is_refused(scene: Scene) -> None:
    installed(scene)
    scene.policy(POLICY.replace('max_age = "14d"', 'max_age = "999d"'))

    assert install_code(scene) == "policy-serial-reused"


def test_a_replaced_key_file_changes_the_policy(scene: Scene) -> None:
    installed(scene)
    (scene.path.parent / "scanner.pub").write_bytes(key("stranger").public_pem)

    assert load_code(scene) == "policy-changed"


def test_a_denial_reaches_installed_programs_at_once(scene: Scene) -> None:
    installed(scene)
    deny = '\n[[deny]]\napp = "com.acme.tip"\ncodes = "1..2"\nreason = "CVE-2026-1234 in 1.0"\n'
    scene.policy(POLICY.replace("serial = 1", "serial = 2") + deny)

    assert load_code(scene) == "policy-changed"
    with pytest.raises(MinisealError, match="CVE-2026-1234") as error:
        scene.verifier().readmit(APP)
    assert error.value.code == "denied"


def test_putting_the_old_policy_back_does_not_undo_a_denial(scene: Scene) -> None:
    installed(scene)
    deny = f'\n[[deny]]\napp = "{APP}"\nreason = "stolen"\n'
    scene.policy(POLICY.replace("serial = 1", "serial = 2") + deny)
    with pytest.raises(MinisealError):
        scene.verifier().readmit(APP)
    scene.policy(POLICY)

    assert load_code(scene) == "policy-changed"
    assert install_code(scene) == "policy-rollback"


def test_an_expired_policy_admits_nothing(scene: Scene) -> None:
    scene.release()
    scene.now += 365 * DAY

    assert install_code(scene) == "policy-expired"


def test_an_expired_admission_is_not_loaded(scene: Scene) -> None:
    installed(scene)
    scene.now += 14 * DAY

    assert load_code(scene) == "admission-expired"


def test_a_clock_set_back_is_noticed(scene: Scene) -> None:
    installed(scene)
    scene.now -= 301

    assert load_code(scene) == "clock-rollback"
    assert install_code(scene) == "clock-rollback"


def test_an_expired_key_verifies_nothing(scene: Scene) -> None:
    scene.policy(
        POLICY.replace(
            '{file = "acme.pub"}', '{file = "acme.pub", not_after = 2026-11-21T12:00:00Z}'
        )
    )
    scene.release()

    assert install_code(scene) == "key-expired"


def test_one_key_of_two_is_not_enough(scene: Scene) -> None:
    two = '[{file = "acme.pub"}, {file = "second.pub"}]\nthreshold = 2'
    scene.policy(POLICY.replace('[{file = "acme.pub"}]', two))
    made = scene.release()

    assert install_code(scene) == "threshold-unmet"

    for said in (provenance(), sbom(made.config.wasm.digest), scan(), checks(), scai()):
        scene.repository.say(made, said, key("second"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_one_key_twice_is_not_two_keys(scene: Scene) -> None:
    two = '[{file = "acme.pub"}, {file = "second.pub"}]\nthreshold = 2'
    scene.policy(POLICY.replace('[{file = "acme.pub"}]', two))
    made = scene.release()
    for said in (provenance(), sbom(made.config.wasm.digest), scan(), checks(), scai()):
        scene.repository.say(made, said)  # ECDSA: another signature, another bundle

    assert install_code(scene) == "threshold-unmet"
