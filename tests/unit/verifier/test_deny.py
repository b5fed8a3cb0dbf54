from collections.abc import Callable
from pathlib import Path

import pytest

from kit.hosts import install_code
from kit.packages import (
    APP,
    BUILDER,
    LOCK,
    NOW,
    POLICY,
    SCANNER,
    Package,
    Scene,
    key,
    package,
    provenance,
    scan,
    wasm_module,
)
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.vulns import Vulns
from miniseal.verifier import Policy, verify
from miniseal.verifier.evidence import URIS
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey

TOOL = sha256(b"a compiler")
NESTED = wasm_module(("env", "abort"), mark=b"nested")
ACME = PublicKey.from_pem(key("acme").public_pem, what="key", code=POLICY_INVALID).digest


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def deny(scene: Scene, entry: str) -> None:
    allow = POLICY.replace("network_hosts", 'executable_assets = ["wasm"]\nnetwork_hosts')
    scene.policy(f'{allow}\n[[deny]]\n{entry}\nreason = "because"\n')


def released(scene: Scene) -> Package:
    made = package(assets={"plugin.bin": NESTED})
    scene.release(made=made, without=["provenance"])
    scene.repository.say(made, provenance(dependencies=[TOOL]))
    return made


TARGETS: dict[str, Callable[[Package], str]] = {
    "package": lambda made: f'package = "{made.digest}"',
    "wasm": lambda made: f'wasm = "{made.config.wasm.digest}"',
    "nested wasm": lambda _: f'wasm = "{sha256(NESTED)}"',
    "app": lambda _: f'app = "{APP}"',
    "apps": lambda _: 'app = "com.acme.*"',
    "version": lambda _: f'app = "{APP}"\ncodes = "1..2"',
    "signer": lambda _: 'signer = "acme"',
    "key": lambda _: f'signer = "{ACME}"',
    "scanner": lambda _: f'scanner = "{SCANNER}"',
    "lock": lambda _: f'toolchain = "{LOCK}"',
    "dependency": lambda _: f'toolchain = "{TOOL}"',
    "builder": lambda _: f'builder = "{BUILDER}"',
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_is_denied_is_refused_with_the_reason(
    scene: Scene, target: Callable[[Package], str]
) -> None:
    deny(scene, target(released(scene)))

    with pytest.raises(MinisealError, match="because") as error:
        scene.verifier().install(APP, scene.repository, "1.0.0")

    assert error.value.code == "denied"


@pytest.mark.parametrize(
    "entry",
    [
        f'package = "{sha256(b"another")}"',
        f'wasm = "{sha256(b"another")}"',
        'app = "com.acme.other"',
        f'app = "{APP}"\ncodes = "2.."',
        'signer = "scanner"',
        f'scanner = "{sha256(b"another")}"',
        f'toolchain = "{sha256(b"another")}"',
        'builder = "https://builders.example/two"',
    ],
)
def test_what_is_not_denied_is_admitted(scene: Scene, entry: str) -> None:
    released(scene)
    deny(scene, entry)

    assert scene.verifier().install(APP, scene.repository, "1.0.0").app_id == APP


def test_a_key_is_denied_under_every_name_that_it_has(scene: Scene) -> None:
    released(scene)
    deny(scene, 'signer = "twin"')
    twin = '[signer.twin]\nkeys = [{file = "acme.pub"}]\n\n[[builder]]'
    scene.policy(scene.path.read_text(encoding="utf-8").replace("[[builder]]", twin))

    assert install_code(scene) == "denied"


def test_a_denied_key_can_not_veto(scene: Scene) -> None:
    made = released(scene)
    bad = scan([("CVE-1", "critical")], finished=NOW - 60)
    scene.repository.say(made, bad, key("scanner"))
    deny(scene, f'signer = "{sha256(b"nobody")}"')
    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)
    assert error.value.code == "vulnerability-threshold"

    deny(scene, 'signer = "scanner"')
    scene.repository.say(made, (URIS[Vulns], {"not": "a scan"}), key("scanner"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").app_id == APP
