from dataclasses import replace

import pytest

from kit.packages import Package, package, wasm_module
from miniseal.pipeline.rebuild import Whole, differences

WASM = wasm_module(("env", "abort"))
ASSETS = {"a.txt": b"one", "b.txt": b"two"}


def whole(made: Package, assets: dict[str, bytes]) -> Whole:
    return Whole(package=made.digest, config=made.config, wasm=made.wasm, assets=assets)


FIRST = whole(package(wasm=WASM, assets=ASSETS), ASSETS)


def test_one_package_has_no_differences() -> None:
    assert differences(FIRST, whole(package(wasm=WASM, assets=ASSETS), dict(ASSETS))) == ()


def test_another_wasm_is_told_by_its_sections() -> None:
    other = package(wasm=wasm_module(("env", "abort"), mark=b"stamp"), assets=ASSETS)

    lines = differences(FIRST, whole(other, ASSETS))

    assert lines == (
        "app.wasm: section custom 'mark' (id 0): only in the second, 5 bytes",
        "config: wasm differs",
    )


def test_another_asset_is_told_by_its_name() -> None:
    assets = {**ASSETS, "b.txt": b"tow"}

    lines = differences(FIRST, whole(package(wasm=WASM, assets=assets), assets))

    assert lines == (
        "assets: entry b.txt: 2 of 3 bytes differ, the first at offset 0x1",
        "config: assets differs",
    )


@pytest.mark.parametrize(
    ("changed", "member"),
    [
        (package(wasm=WASM, assets=ASSETS, hosts=["api.acme.example"]), "allowed_hosts"),
        (package(wasm=WASM, assets=ASSETS, permissions=[]), "manifest"),
    ],
    ids=["hosts", "permissions"],
)
def test_another_member_of_the_config_is_named(changed: Package, member: str) -> None:
    assert differences(FIRST, whole(changed, ASSETS)) == (f"config: {member} differs",)


def test_another_digest_is_always_a_difference() -> None:
    other = replace(FIRST, package="sha256:" + "0" * 64)

    assert differences(FIRST, other) == ("the same content is written in another way",)
