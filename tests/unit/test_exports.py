"""What each part exports: the table is changed on purpose, or not at all."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = {
    "miniseal.attestations": [
        "FileSigner",
        "KeyIdentity",
        "KeySigner",
        "KeylessIdentity",
        "KeylessSigner",
        "Signer",
        "extra_of",
        "generate_key",
        "open_signer",
        "sign_statement",
    ],
    "miniseal.cli": [],
    "miniseal.formats": [],
    "miniseal.packager": [
        *("ALWAYS", "TOOLCHAINS", "Built", "Install", "Lock", "Packed", "Project", "Recipe"),
        *("Scanner", "Settings", "Tool", "Tree", "TreeFile", "check_permissions"),
        *("compare_assets", "compare_wasm", "install", "lock_text", "pack"),
    ],
    "miniseal.pipeline": [],
    "miniseal.registry": [
        *("Access", "Credential", "LayoutStore", "Store", "attach", "open_store"),
    ],
    "miniseal.verifier": [
        *("Admission", "Grants", "PackageBytes", "Policy", "Program", "Record", "Source"),
        *("Trusting", "Verdict", "Verifier", "decide", "explain", "verify"),
    ],
}
SCRIPTS = {
    "miniseal.cli.__main__",
    "miniseal.packager.wasi",
    "miniseal.pipeline.engines.dagger.inside",
    "miniseal.pipeline.engines.jail",
    "miniseal.pipeline.steps.wasm_calls",
}
"""Started by a path or by `-m`: nobody imports a name from them."""
MODULES = sorted(
    ".".join(path.relative_to(part).with_suffix("").parts).removesuffix(".__init__")
    for part in (folder.parent for folder in ROOT.glob("*/miniseal"))
    for path in part.glob("miniseal/**/*.py")
)


def test_the_parts_are_those_that_the_table_names() -> None:
    found = {f"miniseal.{path.name}" for path in ROOT.glob("*/miniseal/*") if path.is_dir()}

    assert found == PARTS.keys()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_exports_what_the_table_says(part: str) -> None:
    exported = importlib.import_module(part).__all__

    assert exported == PARTS[part]


@pytest.mark.parametrize("name", [name for name in MODULES if name not in SCRIPTS])
def test_a_module_exports_names_that_it_has_once_each(name: str) -> None:
    module = importlib.import_module(name)

    exported: list[str] = module.__all__
    assert sorted(exported) == sorted(set(exported))
    assert [each for each in exported if not hasattr(module, each)] == []
