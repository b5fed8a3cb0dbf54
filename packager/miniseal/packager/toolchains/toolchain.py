"""What a toolchain is to the packager: tools it needs, and `[build]` turned into a recipe."""

from collections.abc import Callable
from dataclasses import dataclass

from miniseal.packager.lock import Lock
from miniseal.packager.recipe import Recipe
from miniseal.packager.settings import PROJECT_INVALID, Build

__all__ = ["Toolchain", "check_members"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """One toolchain.

    Attributes:
        name: as in `[build] toolchain`.
        tools: names of the pins it needs, the registry packages and all they need in turn.
        recipe: from `[build]` and the lock; None where nothing is compiled.
        entry: whether `[build] entry` names a file that has to be there.
    """

    name: str
    tools: tuple[str, ...]
    recipe: Callable[[Build, Lock], Recipe | None]
    entry: bool = True


def check_members(build: Build, *allowed: str) -> None:
    """Refuse members of `[build]` that this toolchain does not read.

    Raises:
        UsageError: `project-invalid`.
    """
    for name in ("entry", "args", "command"):
        if getattr(build, name) and name not in allowed:
            raise PROJECT_INVALID(
                f"toolchain {build.toolchain} does not take build.{name}",
                expected=f"only {', '.join(allowed)}",
            )
        if name in allowed and name != "args" and not getattr(build, name):
            raise PROJECT_INVALID(f"toolchain {build.toolchain} needs build.{name}")
