"""From a mini-program's source to the bytes that ship.

    project = Project.load(Path("tip"))
    recipe = project.recipe()              # what to run, for whoever runs it
    packed = pack(project.manifest, project.settings, wasm, project.assets, project.toolchain)

Nothing in this part starts a process, opens a connection or knows a store: it describes what has to
be run and fetched, and turns the result into deterministic OCI content.
"""

from miniseal.packager.compare import compare_assets, compare_wasm
from miniseal.packager.install import Install, install
from miniseal.packager.lock import Lock, Scanner, Tool
from miniseal.packager.pack import Built, Packed, pack
from miniseal.packager.permissions import ALWAYS, check_permissions
from miniseal.packager.project import Project
from miniseal.packager.recipe import Recipe
from miniseal.packager.settings import Settings
from miniseal.packager.toolchains import TOOLCHAINS, lock_text
from miniseal.packager.tree import Tree, TreeFile

__all__ = [
    "ALWAYS",
    "TOOLCHAINS",
    "Built",
    "Install",
    "Lock",
    "Packed",
    "Project",
    "Recipe",
    "Scanner",
    "Settings",
    "Tool",
    "Tree",
    "TreeFile",
    "check_permissions",
    "compare_assets",
    "compare_wasm",
    "install",
    "lock_text",
    "pack",
]
