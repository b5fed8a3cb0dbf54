"""A mini-program's project: its source tree, and the three files that say what it is.

Loading reads and checks; nothing is written, started or fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from miniseal.formats import package
from miniseal.formats.errors import FormatError
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.ustar import check_name
from miniseal.packager.lock import LOCK_INVALID, Lock, Tool
from miniseal.packager.recipe import Recipe
from miniseal.packager.settings import PROJECT_INVALID, Settings
from miniseal.packager.toolchains import find
from miniseal.packager.tree import PATH_ESCAPES, Tree, TreeFile

__all__ = ["LOCK_FILE", "MANIFEST_FILE", "SETTINGS_FILE", "Project"]

MANIFEST_FILE = "manifest.json"
SETTINGS_FILE = "miniseal.toml"
LOCK_FILE = "miniseal.lock"

_UNBUILT_VERSION = "1"
"""What a package names as the version of a toolchain that compiles nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that a build depends on.

    Attributes:
        root: the folder, absolute.
        manifest: `manifest.json`.
        settings: `miniseal.toml`.
        lock: `miniseal.lock`.
        tree: every source file.
        assets: content by name; names are paths relative to the project, sorted.
    """

    root: Path
    manifest: MiniAppManifest
    settings: Settings
    lock: Lock
    tree: Tree
    assets: Mapping[str, bytes]

    @classmethod
    def load(cls, root: Path) -> "Project":
        """Read the project in the folder `root`.

        Raises:
            UsageError: `project-invalid`, `manifest-invalid`, `lock-invalid`, `path-escapes`,
                `path-refused`, `project-too-large`.
            EnvironmentalError: `project-unreadable`, `project-changed`.
        """
        tree = Tree.scan(root)
        settings = Settings.from_toml(_read(tree, SETTINGS_FILE))
        manifest = MiniAppManifest.from_bytes(_read(tree, MANIFEST_FILE))
        _check_permissions(settings, manifest)
        toolchain = find(settings.build.toolchain)
        if LOCK_FILE not in tree:
            raise LOCK_INVALID("the project has no miniseal.lock")
        project = cls(
            root=tree.root,
            manifest=manifest,
            settings=settings,
            lock=Lock.from_toml(tree.read(LOCK_FILE)),
            tree=tree,
            assets=_assets(tree, settings.assets.include),
        )
        if toolchain.entry:
            _check_entry(tree, settings.build.entry)
        project.recipe()
        _chosen(tree, "build.inputs", settings.build.inputs)
        project.vex()
        return project

    def vex(self) -> tuple[Document, ...]:
        """The OpenVEX documents that `[scan] vex` names.

        Raises:
            UsageError: `project-invalid`, for one that is not there or is no OpenVEX document.
        """
        return tuple(_vex(self.tree, path) for path in dict.fromkeys(self.settings.scan.vex))

    @property
    def build_files(self) -> tuple[TreeFile, ...]:
        """What the toolchain sees: all but the assets, `miniseal.toml` and `miniseal.lock`.

        An asset that is the entry, or that `[build] inputs` names, is seen as well.
        """
        build = self.settings.build
        seen = {file.path for file in _chosen(self.tree, "build.inputs", build.inputs)}
        seen.add(build.entry or "")
        hidden = {SETTINGS_FILE, LOCK_FILE, *self.assets} - seen
        return tuple(file for file in self.tree.files if file.path not in hidden)

    def recipe(self) -> Recipe | None:
        """How to compile the project; None for `prebuilt`, whose wasm is `build.entry` itself."""
        return find(self.settings.build.toolchain).recipe(self.settings.build, self.lock)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What has to be fetched before the project is compiled."""
        recipe = self.recipe()
        return recipe.tools if recipe else ()

    @property
    def toolchain(self) -> package.Toolchain:
        """What the package's config says about the toolchain."""
        recipe = self.recipe()
        return package.Toolchain(
            name=self.settings.build.toolchain,
            version=recipe.version if recipe else _UNBUILT_VERSION,
            lock=self.lock.toolchain_digest,
        )


def _read(tree: Tree, name: str) -> bytes:
    if name not in tree:
        raise PROJECT_INVALID(f"the project has no {name}", expected=f"{name} in {tree.root}")
    return tree.read(name)


def _vex(tree: Tree, path: str) -> Document:
    _check_relative("scan.vex", path)
    if path not in tree:
        raise PROJECT_INVALID(
            "scan.vex names what is not a file of the source tree", found=repr(path)[:200]
        )
    try:
        return Document.from_bytes(tree.read(path))
    except FormatError as error:
        raise PROJECT_INVALID(
            f"{path} is not an OpenVEX document: {error.message}",
            found=error.found,
            expected=error.expected,
        ) from error


def _check_entry(tree: Tree, entry: str | None) -> None:
    if entry is None:
        return  # said better by the toolchain
    _check_relative("build.entry", entry)
    if entry not in tree:
        raise PROJECT_INVALID(
            "build.entry is not a file of the source tree",
            found=repr(entry)[:200],
            hint="build, dist, target and node_modules at the project's top are not part of it",
        )


def _check_permissions(settings: Settings, manifest: MiniAppManifest) -> None:
    asked = {permission.name for permission in manifest.req_permissions}
    for name in settings.permissions:
        if name not in asked:
            raise PROJECT_INVALID(
                "miniseal.toml maps a permission that manifest.json does not ask for",
                found=name,
                expected=f"one of {sorted(asked)}" if asked else "none: req_permissions is empty",
            )


def _chosen(tree: Tree, what: str, patterns: tuple[str, ...]) -> tuple[TreeFile, ...]:
    """The files that match one of `patterns`, each of which must match one."""
    chosen: dict[str, TreeFile] = {}
    for pattern in patterns:
        _check_relative(what, pattern)
        parts = pattern.split("/")
        matched = [file for file in tree.files if _matches(parts, file.path.split("/"))]
        if not matched:
            raise PROJECT_INVALID(f"{what} matches no file", found=repr(pattern)[:200])
        chosen.update((file.path, file) for file in matched)
    return tuple(chosen.values())


def _assets(tree: Tree, include: tuple[str, ...]) -> dict[str, bytes]:
    chosen = {file.path: file for file in _chosen(tree, "assets.include", include)}
    for name in chosen:
        try:
            check_name(name)
        except FormatError as error:
            raise PROJECT_INVALID(
                "an asset has a name that an archive cannot hold", found=repr(name)[:200]
            ) from error
    return {name: tree.content(chosen[name]) for name in sorted(chosen, key=str.encode)}


def _check_relative(what: str, path: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        raise PATH_ESCAPES(f"{what} leads out of the project", found=repr(path)[:200])
    if "\\" in path or "\0" in path or "" in parts or "." in parts:
        raise PROJECT_INVALID(
            f"{what} is not a plain relative path",
            found=repr(path)[:200],
            expected="segments joined by /, none of them empty or a dot",
        )


def _matches(pattern: list[str], path: list[str]) -> bool:
    """Whether a path matches, segment by segment; in time linear in both lengths' product."""
    # reachable[i]: the pattern's rest from i on still has to match what is left of the path
    reachable = _skip({0}, pattern)
    for segment in path:
        reachable = _skip(
            {
                index if pattern[index] == "**" else index + 1
                for index in reachable
                if index < len(pattern)
                and (pattern[index] == "**" or fnmatchcase(segment, pattern[index]))
            },
            pattern,
        )
    return len(pattern) in reachable


def _skip(indexes: set[int], pattern: list[str]) -> set[int]:
    """With every index that a `**` standing for no folder at all leads to."""
    result = set(indexes)
    for index in indexes:
        while index < len(pattern) and pattern[index] == "**":
            index += 1  # noqa: PLW2901 - walks on from the set's index
            result.add(index)
    return result
