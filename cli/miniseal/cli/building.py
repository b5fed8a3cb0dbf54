"""The options of every command that builds, and what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from miniseal.cli import progress as shown

__all__ = ["Building", "options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """The command line's word on how to build, one member per option."""

    engine: str
    base_image: Path | None
    again: str | None
    explain: bool
    no_cache: bool
    unsafe_no_isolation: bool
    progress: str


_OPTIONS = (
    click.option(
        "--engine",
        envvar="MINISEAL_ENGINE",
        type=click.Choice(["auto", "local", "dagger"]),
        default="auto",
        show_default=True,
        help="What runs the toolchain: auto is Dagger inside `dagger run` or where a runner host "
        "is configured, and this machine otherwise [env: MINISEAL_ENGINE].",
    ),
    click.option(
        "--base-image",
        envvar="MINISEAL_BASE_IMAGE",
        type=click.Path(path_type=Path),
        help="The OCI archive of the base image that miniseal.lock pins, where it is not pulled "
        "[env: MINISEAL_BASE_IMAGE].",
    ),
    click.option(
        "--from", "again", metavar="STEP", help="Run STEP, and all that need it, though cached."
    ),
    click.option("--explain", is_flag=True, help="Say which input made a step run."),
    click.option("--no-cache", is_flag=True, help="Neither take nor keep results of steps."),
    click.option(
        "--unsafe-no-isolation",
        is_flag=True,
        help="Let the toolchain reach all that you can reach here, and sign as another builder.",
    ),
    shown.option,
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options of `Building`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
