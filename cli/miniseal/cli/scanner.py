"""What commands that scan share: their options, and what these say of scanner and database."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miniseal.cli import access

if TYPE_CHECKING:
    from miniseal.pipeline.steps.scan import ScanSettings
    from miniseal.pipeline.trivy.source import Source
    from miniseal.verifier import Policy

__all__ = ["Scanning", "database", "database_option", "options", "trivy_option"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanning:
    """The command line's word on what scans, one member per option.

    Attributes:
        trivy: the binary, or None.
        database: a reference, or None.
        max_age: of the database, in days.
        min_age: of the scanner, in days.
    """

    trivy: Path | None
    database: str | None
    max_age: int
    min_age: int

    def settings(self, policy: "Policy | None") -> "ScanSettings":
        """What the pipeline scans with, where the scanners that `policy` denies do not run.

        Raises:
            UsageError: `database-reference`, `reference-malformed`.
        """
        from miniseal.pipeline.steps.scan import ScanSettings  # needs the extra `pipeline`

        denied = (deny.scanner for deny in policy.document.deny) if policy is not None else ()
        return ScanSettings(
            trivy=self.trivy,
            search=os.environ.get("PATH", ""),
            database=database(self.database),
            max_age=self.max_age * _DAY,
            min_age=self.min_age * _DAY,
            denied=frozenset(digest for digest in denied if digest is not None),
        )


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options, which reach it as one argument `scanning`."""

    @functools.wraps(command)
    def collected(**given: Any) -> Any:  # noqa: ANN401 - click's options, by their names
        own = {each.name: given.pop(each.name) for each in fields(Scanning)}
        return command(scanning=Scanning(**own), **given)

    decorated: Callable[..., Any] = collected
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


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
