import re

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.canary import Canary, wasm_canary
from miniseal.pipeline.trivy.scan import License, Misconfiguration, Package, Scan, Secret

NAME = "miniseal-canary"
LOCK = Package(target="canary/Cargo.lock", purl="pkg:cargo/x@1", name=NAME, version="1.0.0")
WASM = Package(target="canary/app.wasm", purl="", name=NAME, version="1.0.0")
TOKEN = Secret(rule="github-pat", severity="critical", target="canary/secret.txt", line=1)
TEXT = License(target="canary/license.txt", package="", name="Apache-2.0", severity="low")
CHECK = Misconfiguration(target="canary/Dockerfile", id="DS-0002", title="", severity="high")
OWN = Package(target="tree/Cargo.lock", purl="", name="own", version="1")
WHOLE = Scan(secrets=(TOKEN,), packages=(LOCK, WASM), licenses=(TEXT,), misconfigurations=(CHECK,))


def test_the_canary_is_taken_out() -> None:
    scan = WHOLE.joined(Scan(packages=(OWN,), targets=("canary/x", "tree/x")))

    taken = Canary.new(wasm=True, settings=True).take(scan)

    assert taken == Scan(packages=(OWN,), targets=("tree/x",))


@pytest.mark.parametrize("missing", [LOCK, WASM, TOKEN, TEXT, CHECK])
def test_a_scan_without_its_canary_is_empty(missing: object) -> None:
    scan = Scan(
        secrets=tuple(item for item in WHOLE.secrets if item is not missing),
        packages=tuple(item for item in WHOLE.packages if item is not missing),
        licenses=tuple(item for item in WHOLE.licenses if item is not missing),
        misconfigurations=tuple(item for item in WHOLE.misconfigurations if item is not missing),
    )

    with pytest.raises(MinisealError) as error:
        Canary.new(wasm=True, settings=True).take(scan)

    assert error.value.code == "scan-empty"
    assert error.value.expected == getattr(missing, "target", None)


def test_another_finding_in_its_place_is_no_canary() -> None:
    other = Secret(rule="other", severity="low", target="canary/secret.txt", line=1)

    with pytest.raises(MinisealError) as error:
        Canary.new().take(Scan(secrets=(other,), packages=(LOCK,), licenses=(TEXT,)))

    assert error.value.code == "scan-empty"


def test_what_a_mode_does_not_read_is_not_asked_back() -> None:
    scan = Scan(secrets=(TOKEN,), packages=(LOCK,), licenses=(TEXT,))

    assert Canary.new().take(scan) == Scan()


def test_every_canary_is_another() -> None:
    assert Canary.new().token != Canary.new().token
    assert re.fullmatch("gh" + "p_[0-9a-zA-Z]{36}", Canary.new().token)


def test_the_wasm_canary_is_well_formed() -> None:
    data = wasm_canary()

    assert data[:9] == b"\0asm\1\0\0\0\0"
    size = data[9] & 0x7F | (data[10] << 7 if data[9] & 0x80 else 0)
    assert len(data) == (11 if data[9] & 0x80 else 10) + size
