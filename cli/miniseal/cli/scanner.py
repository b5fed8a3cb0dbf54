"""What commands that scan share: their options, and what these say of scanner and database."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from miniseal.cli import access

if TYPE_CHECKING:
    from miniseal.pipeline.steps.scan import ScanSettings
    from miniseal.pipeline.trivy.source import Source
    from miniseal.verifier import Policy

__all__ = ["database", "database_option", "options", "settings", "trivy_option"]

trivy_option = click.option(
    "--trivy", type=click.Path(path_type=Path), help="The scanner; from PATH by default."
)
database_option = click.option(
    "--vulnerability-db",
    "database",
    envvar="MINISEAL_VULNERABILITY_DB",
    help="FOLDER, FOLDER@sha256:HEX, HOST/NAME@sha256:HEX or oci:DIR@sha256:HEX; trivy's own by "
    "default [env: MINISEAL_VULNERABILITY_DB].",
)
_OPTIONS = (
    trivy_option,
    database_option,
    click.option(
        "--max-database-age",
        "max_age",
        default=7,
        show_default=True,
        type=click.IntRange(1, 3650),
        help="Days since the vulnerability database was made.",
    ),
    click.option(
        "--min-scanner-age",
        "min_age",
        default=7,
        show_default=True,
        type=click.IntRange(0, 3650),
        help="Days since the scanner was released.",
    ),
)
_DAY = 86400


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options `trivy`, `database`, `max_age` and `min_age`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class _Options(Protocol):
    """What the options say: the binary, the database, and their ages in days."""

    @property
    def trivy(self) -> Path | None: ...
    @property
    def database(self) -> str | None: ...
    @property
    def max_age(self) -> int: ...
    @property
    def min_age(self) -> int: ...


def settings(given: _Options, policy: "Policy | None") -> "ScanSettings":
    """What the pipeline is asked to scan with, where the scanners that `policy` denies do not run.

    Raises:
        UsageError: `database-reference`, `reference-malformed`.
    """
    from miniseal.pipeline.steps.scan import ScanSettings  # needs the extra `pipeline`

    denied = (deny.scanner for deny in policy.document.deny) if policy is not None else ()
    return ScanSettings(
        trivy=given.trivy,
        search=os.environ.get("PATH", ""),
        database=database(given.database),
        max_age=given.max_age * _DAY,
        min_age=given.min_age * _DAY,
        denied=frozenset(digest for digest in denied if digest is not None),
    )


def database(text: str | None) -> "Source":
    """Where the vulnerability database is: as somebody wrote, or else where trivy keeps its own.

    Raises:
        UsageError: `database-reference`, `reference-malformed`,
            `credentials-incomplete`.
    """
    from miniseal.cli.workshop import cache_folder  # needs the extra `pipeline`
    from miniseal.pipeline.trivy.source import Folder, parse

    if text is not None:
        return parse(text, cache=cache_folder() / "databases", access=access.access())
    from platformdirs import user_cache_path

    named = os.environ.get("TRIVY_CACHE_DIR")
    return Folder(path=(Path(named) if named else user_cache_path("trivy")) / "db")
