import re
from dataclasses import replace

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.canary import Canary, wasm_canary
from miniseal.pipeline.trivy.scan import License, Misconfiguration, Package, Scan, Secret

NAME = "miniseal-canary"
LOCK = Package(target="canary/Cargo.lock", purl="pkg:cargo/x@1", name=NAME, version="1.0.0")
WASM = Package(target="canary/app.wasm", purl="", name=NAME, version="1.0.0")
TOKEN = Secret(rule="github-pat", severity="critical", target="canary/secret.txt", line=1)
TEXT = License(target="canary/license.txt", package="", name="Apache-2.0", severity="low")
NAMED = License(target="canary/package.json", package=NAME, name="Apache-2.0", severity="low")
CHECK = Misconfiguration(target="canary/Dockerfile", id="DS-0002", title="", severity="high")
OWN = Package(target="tree/Cargo.lock", purl="", name="own", version="1")
SOURCE = Scan(secrets=(TOKEN,), packages=(LOCK,), licenses=(TEXT,), misconfigurations=(CHECK,))
PACKAGE = Scan(secrets=(TOKEN,), packages=(LOCK, WASM), licenses=(NAMED,))


@pytest.mark.parametrize(("installed", "whole"), [(False, SOURCE), (True, PACKAGE)])
def test_the_canary_is_taken_out(installed: bool, whole: Scan) -> None:
    scan = whole.joined(Scan(packages=(OWN,), targets=("canary/x", "tree/x")))

    taken = Canary.new(installed=installed, settings=not installed).take(scan)

    assert taken == Scan(packages=(OWN,), targets=("tree/x",))


@pytest.mark.parametrize(
    ("installed", "whole", "missing"),
    [
        *((False, SOURCE, item.target) for item in (LOCK, TOKEN, TEXT, CHECK)),
        *((True, PACKAGE, item.target) for item in (LOCK, TOKEN, WASM, NAMED)),
    ],
)
def test_a_scan_without_its_canary_is_empty(installed: bool, whole: Scan, missing: str) -> None:
    scan = whole.where(lambda target: target != missing)

    with pytest.raises(MinisealError) as error:
        Canary.new(installed=installed, settings=not installed).take(scan)

    assert error.value.code == "scan-empty"
    assert error.value.expected == missing


def test_settings_that_are_not_checked_are_not_asked_back() -> None:
    scan = replace(SOURCE, misconfigurations=())

    assert Canary.new(installed=False).take(scan) == Scan()


def test_another_finding_in_its_place_is_no_canary() -> None:
    other = Secret(rule="other", severity="low", target="canary/secret.txt", line=1)

    with pytest.raises(MinisealError) as error:
        Canary.new(installed=False).take(replace(SOURCE, secrets=(other,)))

    assert error.value.code == "scan-empty"


def test_every_canary_is_another() -> None:
    one, two = Canary.new(installed=False), Canary.new(installed=False)

    assert one.token != two.token
    assert re.fullmatch("gh" + "p_[0-9a-zA-Z]{36}", one.token)


def test_the_wasm_canary_is_well_formed() -> None:
    data = wasm_canary()

    assert data[:9] == b"\0asm\1\0\0\0\0"
    size = data[9] & 0x7F | (data[10] << 7 if data[9] & 0x80 else 0)
    assert len(data) == (11 if data[9] & 0x80 else 10) + size
