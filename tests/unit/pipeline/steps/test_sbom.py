import json
from dataclasses import replace
from typing import Any

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.sbom import Component, Sbom
from miniseal.packager import Packed, Tool, pack
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.steps.sbom import bill_of
from miniseal.pipeline.trivy.scan import Package

LEFT_PAD = Package(
    target="package-lock.json", purl="pkg:npm/left-pad@1.3.0", name="left-pad", version="1.3.0"
)
TOOL = Tool(name="@a/b", version="1.0.0", source="npm", hashes=())


@pytest.fixture
def packed(resolved: Resolved) -> Packed:
    project = resolved.project
    wasm = b"\0asm\1\0\0\0"
    return pack(project.manifest, project.settings, wasm, project.assets, project.toolchain)


def made(packed: Packed, *packages: Package, tools: tuple[Tool, ...] = ()) -> dict[str, object]:
    digest = packed.package.descriptor.digest
    return bill_of(packed.config, packages, tools, package_digest=digest)


def component(bill: dict[str, object], purl: str) -> Component:
    return next(part for part in Sbom.from_json(bill).components if part.purl == purl)


@pytest.mark.parametrize(
    ("licenses", "found"),
    [
        ((), ()),
        (("MIT",), ("MIT",)),
        (("mit", "GPL-3.0-only"), ("GPL-3.0-only", "MIT")),
        (("(MIT OR GPL-3.0-only)",), ("(MIT OR GPL-3.0-only)",)),
        (
            ("Apache-2.0 WITH LLVM-exception", "MIT"),
            ("(Apache-2.0 WITH LLVM-exception) AND (MIT)",),
        ),
        (("SEE LICENSE IN x", "MIT"), ("MIT", "SEE LICENSE IN x")),
        (("MIT OR ISC", "mine, all mine"), ("MIT OR ISC", "mine, all mine")),
    ],
)
def test_the_licences_of_a_package_are_its_components(
    packed: Packed, licenses: tuple[str, ...], found: tuple[str, ...]
) -> None:
    bill = made(packed, replace(LEFT_PAD, licenses=licenses))

    assert set(component(bill, LEFT_PAD.purl).licenses) == set(found)


def test_a_package_in_two_files_is_one_component_with_the_licences_of_both(packed: Packed) -> None:
    other = replace(LEFT_PAD, target="app.wasm", licenses=("ISC",))

    bill = made(packed, replace(LEFT_PAD, licenses=("MIT",)), other)

    assert component(bill, LEFT_PAD.purl).licenses == ("ISC", "MIT")


def test_the_order_of_packages_changes_nothing(packed: Packed) -> None:
    packages = [
        replace(LEFT_PAD, licenses=("MIT",)),
        replace(LEFT_PAD, licenses=("ISC", "0BSD")),
        replace(LEFT_PAD, purl="pkg:cargo/time@0.1.43", licenses=("MIT OR Apache-2.0",)),
    ]

    bills = [made(packed, *packages), made(packed, *packages[::-1])]

    assert json.dumps(bills[0]) == json.dumps(bills[1])


def test_a_tool_is_not_shipped(packed: Packed) -> None:
    bill = made(packed, LEFT_PAD, tools=(TOOL,))

    assert component(bill, "pkg:npm/%40a/b@1.0.0").scope == "excluded"
    assert component(bill, LEFT_PAD.purl).scope == "required"


def test_a_go_module_is_called_as_it_is_written(packed: Packed) -> None:
    purl = "pkg:golang/example.com/mixed/dep@v1.2.3"
    module = Package(target="go.mod", purl=purl, name="example.com/Mixed/Dep", version="v1.2.3")

    components: Any = made(packed, module)["components"]

    found = [(each["group"], each["name"]) for each in components if each.get("purl") == purl]
    assert found == [("example.com/Mixed", "Dep")]


@pytest.mark.parametrize("url", ["left-pad", "pkg:npm", "pkg:/a@1"])
def test_a_package_url_that_cannot_be_read_is_refused(packed: Packed, url: str) -> None:
    with pytest.raises(MinisealError) as error:
        made(packed, replace(LEFT_PAD, purl=url))

    assert error.value.code == "scan-incomplete"
