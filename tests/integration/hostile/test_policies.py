"""Policies that cannot be relied on: each refused by its code before anything is decided."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.hostile import bounded, call_miniseal, listing

APP = "com.example.greeting"

Change = Callable[[Path], object]


@pytest.fixture
def policy(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released / "policy-greeting", tmp_path / "policy")) / "policy.toml"


def edit(old: str, new: str) -> Change:
    def change(policy: Path) -> None:
        text = policy.read_text()
        assert old in text
        policy.write_text(text.replace(old, new))

    return change


def in_place(name: str, make: Callable[[Path], object]) -> Change:
    def change(policy: Path) -> None:
        (policy.parent / name).unlink()
        make(policy.parent / name)

    return change


def cut_require(policy: Path) -> None:
    text = policy.read_text()
    start = text.index("[namespace.require.provenance]")
    policy.write_text(text[:start] + text[text.index('[permission."storage"]') :])


def twice(policy: Path) -> None:
    text = policy.read_text()
    start, end = text.index("[[namespace]]"), text.index('[permission."storage"]')
    policy.write_text(text[:end] + text[start:end] + text[end:])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(os.unlink, id="missing"),
        pytest.param(in_place("policy.toml", os.mkdir), id="folder"),
        pytest.param(in_place("policy.toml", os.mkfifo), id="pipe"),
        pytest.param(in_place("policy.toml", lambda path: path.symlink_to("/dev/zero")), id="zero"),
        pytest.param(in_place("policy.toml", Path.touch), id="empty"),
        pytest.param(lambda policy: policy.write_bytes(b"\xff" * 100), id="not-utf-8"),
        pytest.param(lambda policy: policy.write_bytes(b"#" * (1 << 21)), id="over-the-limit"),
        pytest.param(lambda policy: policy.write_bytes(b"a = " + b"[\n" * 50_000), id="deep"),
        pytest.param(lambda policy: policy.write_bytes(b"a." * 400_000 + b"b = 1"), id="dotted"),
        pytest.param(in_place("publisher.pub", lambda _: None), id="no-key-file"),
        pytest.param(in_place("publisher.pub", os.mkfifo), id="key-is-a-pipe"),
        pytest.param(in_place("publisher.pub", Path.touch), id="key-is-empty"),
        pytest.param(edit("serial = 1", "serial = 1\nextra = 1"), id="unknown-member"),
        pytest.param(edit("serial = 1", "serial = 0x" + "f" * 4000), id="serial-of-16000-bits"),
        pytest.param(edit("serial = 1", "serial = 1\nserial = 2"), id="duplicate-member"),
        pytest.param(edit("version = 1", "version = 2"), id="another-version"),
        pytest.param(edit('"30d"', '"1y"'), id="no-age"),
        pytest.param(edit("expires = ", "expires = 1\nx = "), id="no-time"),
        pytest.param(edit("[namespace.require.sbom]", "[namespace.require.sbon]"), id="typo"),
        pytest.param(edit('signers = ["publisher"]', "signers = []"), id="no-signers"),
        pytest.param(edit('signers = ["publisher"]', 'signers = ["other"]'), id="unknown-signer"),
        pytest.param(edit('"publisher.pub"', '"../publisher.pub"'), id="key-escapes"),
        pytest.param(edit('"publisher.pub"', '"/etc/hostname"'), id="key-is-absolute"),
        pytest.param(edit('"publisher.pub"', '"policy.toml"'), id="key-is-the-policy"),
        pytest.param(edit('fail_on = "high"', 'fail_on = "never"'), id="no-threshold"),
        pytest.param(edit("min_level = 1", "min_level = 4"), id="cannot-be-met"),
        pytest.param(edit(f'apps = "{APP}"', 'apps = "*"'), id="any-program"),
        pytest.param(cut_require, id="demands-nothing"),
        pytest.param(twice, id="equal-namespaces"),
    ],
)
def test_a_policy_that_is_refused(
    policy: Path, released: Path, tmp_path: Path, change: Change
) -> None:
    change(policy)
    before = listing(tmp_path)
    reference = f"oci:{released / 'registry-greeting'}:1.0.1"

    with bounded(20):
        checked = call_miniseal("policy", "check", policy)
        verified = call_miniseal("verify", reference, "--app", APP, "--policy", policy)
        installed = call_miniseal(
            *("install", APP, reference, "--policy", policy, "--state", tmp_path / "state")
        )

    for run in (checked, verified, installed):
        run.refused("policy-invalid", 2)
    assert listing(tmp_path) == before


def test_an_expired_policy(policy: Path, released: Path, tmp_path: Path) -> None:
    start = policy.read_text().index("expires = ")
    text = policy.read_text()
    policy.write_text(f"{text[:start]}expires = 2020-01-01T00:00:00Z{text[start + 30 :]}")
    reference = f"oci:{released / 'registry-greeting'}:1.0.1"

    verified = call_miniseal("verify", reference, "--app", APP, "--policy", policy)
    installed = call_miniseal(
        *("install", APP, reference, "--policy", policy, "--state", tmp_path / "state")
    )

    verified.refused("policy-expired")
    installed.refused("policy-expired")
    assert call_miniseal("policy", "check", policy).ok()["expired"] is True


def test_what_a_check_of_a_policy_says(policy: Path) -> None:
    result = call_miniseal("policy", "check", policy).ok()

    assert result["serial"] == 1
    assert result["signers"] == ["publisher"]
    assert result["namespaces"] == [APP]
    assert result["expired"] is False
    assert result["digest"].startswith("sha256:")


def test_a_program_that_no_namespace_covers(policy: Path, released: Path) -> None:
    reference = f"oci:{released / 'registry-tip'}:1.0.0"

    run = call_miniseal("verify", reference, "--app", "com.example.tip", "--policy", policy)

    run.refused("namespace-unknown")


@pytest.mark.parametrize("days", ["0", "-5", "99999999999999999999", "x"])
def test_a_policy_for_no_time(tmp_path: Path, examples: Path, key: Path, days: str) -> None:
    run = call_miniseal(
        *("policy", "init", examples / "greeting", "--key", f"{key}.pub", "--days", days),
        *("-o", tmp_path / "policy.toml"),
    )

    run.refused("usage", 2)
    assert not (tmp_path / "policy.toml").exists()
