"""The toolchains: one module each, and the table of them all."""

from dataclasses import replace

from miniseal.packager.lock import BaseImage, pinned
from miniseal.packager.settings import PROJECT_INVALID
from miniseal.packager.toolchains import assemblyscript, c, command, prebuilt, wat
from miniseal.packager.toolchains.toolchain import Toolchain

__all__ = ["TOOLCHAINS", "Toolchain", "find", "lock_text"]

TOOLCHAINS: dict[str, Toolchain] = {
    module.TOOLCHAIN.name: module.TOOLCHAIN
    for module in (assemblyscript, c, command, prebuilt, wat)
}


def find(name: str) -> Toolchain:
    """The toolchain of this name.

    Raises:
        UsageError: `project-invalid`.
    """
    if name not in TOOLCHAINS:
        raise PROJECT_INVALID(
            "no such toolchain", found=repr(name)[:100], expected=", ".join(sorted(TOOLCHAINS))
        )
    return TOOLCHAINS[name]


def lock_text(name: str, images: tuple[BaseImage, ...] = ()) -> str:
    """The `miniseal.lock` of a project with this toolchain, from the pins that ship.

    Args:
        name: of the toolchain.
        images: base images, which nobody pins but the project.

    Raises:
        UsageError: `project-invalid`, for an unknown toolchain.
    """
    return replace(pinned(find(name).tools), images=images).to_toml()
