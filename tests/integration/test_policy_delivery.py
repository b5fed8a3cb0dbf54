"""A policy's way to a host: checked, signed, brought there as one file, accepted."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kit.hostile import call_miniseal
from kit.packages import APP, POLICY, Scene
from kit.policies import FILES, WHOLE
from miniseal.attestations import generate_key
from miniseal.formats.errors import VerificationError
from miniseal.verifier.policy.accept import accept
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.verifier import Verifier

FAR = WHOLE.replace("2027-03-01", "2099-03-01")
ACCEPTING = """\
import sys
from pathlib import Path
from miniseal.verifier.policy.accept import accept
from miniseal.verifier.policy.policy import Policy

source, folder = Path(sys.argv[1]), Path(sys.argv[2])
text = (source / "policy.toml").read_bytes()
for serial in range(int(sys.argv[3]), 1000):
    policy = Policy.from_toml(
        text.replace(b"serial = 1", b"serial = %d" % serial),
        lambda name: (source / name).read_bytes(),
    )
    accept(policy, folder, now=0)
    print(serial, flush=True)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    """The private key of who signs policies; the public one is beside it."""
    generate_key(tmp_path / "owner.key")
    return tmp_path / "owner.key"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return write(tmp_path / "written", FAR)


def write(folder: Path, text: str) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "policy.toml").write_text(text)
    return folder / "policy.toml"


def sign(policy: Path, key: Path) -> Path:
    signed = policy.parent.with_suffix(".signed")
    call_miniseal("policy", "sign", policy, "--key", key, "-o", signed).ok()
    return signed


def test_a_policy_gets_to_a_host(policy: Path, owner: Path, tmp_path: Path) -> None:
    signed = sign(policy, owner)
    shutil.rmtree(policy.parent)

    done = call_miniseal(
        *("policy", "accept", signed, "--key", f"{owner}.pub", "--to", tmp_path / "host")
    ).ok()

    accepted = tmp_path / "host" / "current" / "policy.toml"
    assert done["policy"] == str(accepted)
    assert done["replaced"] is None
    assert call_miniseal("policy", "check", accepted).ok()["digest"] == done["digest"]


def test_a_signed_policy_says_what_it_signed(policy: Path, owner: Path) -> None:
    done = call_miniseal(
        *("policy", "sign", policy, "--key", owner, "-o", policy.parent / "signed.json")
    ).ok()

    assert done["serial"] == 1
    assert done["digest"] == Policy.load(policy).digest
    assert set(done["files"]) == dict(Policy.load(policy).files).keys()


def test_an_older_policy_does_not_get_to_a_host(policy: Path, owner: Path, tmp_path: Path) -> None:
    old = sign(policy, owner)
    new = sign(write(tmp_path / "newer", FAR.replace("serial = 1", "serial = 2")), owner)
    host = ("--key", f"{owner}.pub", "--to", tmp_path / "host")
    call_miniseal("policy", "accept", new, *host).ok()

    call_miniseal("policy", "accept", old, *host).refused("policy-rollback")

    assert Policy.load(tmp_path / "host" / "current" / "policy.toml").serial == 2


def test_what_somebody_else_signed_does_not(policy: Path, owner: Path, tmp_path: Path) -> None:
    generate_key(tmp_path / "stranger.key")
    signed = sign(policy, tmp_path / "stranger.key")

    call_miniseal(
        *("policy", "accept", signed, "--key", f"{owner}.pub", "--to", tmp_path / "host")
    ).refused("signature-invalid")

    assert not (tmp_path / "host").exists()


def test_a_policy_that_does_not_load_is_not_signed(
    policy: Path, owner: Path, tmp_path: Path
) -> None:
    policy.write_text(FAR.replace('source_owner_id = "45"\n', ""))

    error = call_miniseal(
        *("policy", "sign", policy, "--key", owner, "-o", tmp_path / "signed.json")
    ).refused("policy-invalid", 2)

    assert "source_owner_id" in error["message"]
    assert not (tmp_path / "signed.json").exists()


def test_a_private_key_is_no_public_one(policy: Path, owner: Path, tmp_path: Path) -> None:
    signed = sign(policy, owner)

    call_miniseal(*("policy", "accept", signed, "--key", owner, "--to", tmp_path / "host")).refused(
        "policy-invalid", 2
    )


def test_a_huge_file_is_not_read(owner: Path, tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**31)

    call_miniseal(
        *("policy", "accept", tmp_path / "huge", "--key", f"{owner}.pub", "--to", tmp_path / "x")
    ).refused("file-unusable", 2)


def test_a_check_explains_and_warns(policy: Path) -> None:
    result = call_miniseal("policy", "check", policy).ok()
    shown = call_miniseal("policy", "check", policy, as_json=False).stdout

    assert "signs with the key acme.pub" in result["demands"]["signer acme"]
    assert any("rebuilder-one" in line for line in result["demands"]["com.acme.*"])
    for lines in result["demands"].values():
        assert all(f"  - {line}" in shown for line in lines)
    assert all(f"warning  {line}" in shown for line in result["warnings"])


def test_a_host_goes_by_the_accepted_policy(tmp_path: Path) -> None:
    scene, folder = Scene(tmp_path), tmp_path / "host"
    scene.release(code=1, version="1.0.0")
    path = accept(Policy.load(scene.path), folder, now=scene.now).path
    verifier = Verifier.open(path, state=scene.state, clock=lambda: scene.now)
    verifier.install(APP, scene.repository, "1.0.0")
    assert verifier.load(APP).version_code == 1

    scene.policy(POLICY.replace("serial = 1", "serial = 2"))
    accept(Policy.load(scene.path), folder, now=scene.now)

    with pytest.raises(VerificationError) as error:
        verifier.load(APP)
    assert error.value.code == "policy-changed"
    verifier.readmit(APP)
    assert verifier.load(APP).version_code == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_delivery_leaves_a_whole_policy(policy: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - randomness to be repeated, not secret
    folder, first = tmp_path / "host", 1
    for _ in range(3):
        words = [sys.executable, "-c", ACCEPTING, str(policy.parent), str(folder), str(first)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(chance.randint(1, 5))]
            time.sleep(chance.random() / 50)
            process.kill()
            said += process.stdout.readlines()

        held = Policy.load(folder / "current" / "policy.toml")

        last = int([line for line in said if line.strip()][-1])
        assert held.serial in {last, last + 1}
        assert held.contents.keys() == FILES.keys() - {"second.pub", "1.root.json"} | {
            "policy.toml"
        }
        first = held.serial
