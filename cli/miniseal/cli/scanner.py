"""What commands that scan share: the options, and where trivy keeps its own database."""

import os
from pathlib import Path

import click

__all__ = ["database_option", "trivy_database", "trivy_option"]

trivy_option = click.option(
    "--trivy", type=click.Path(path_type=Path), help="The scanner; from PATH by default."
)
database_option = click.option(
    "--vulnerability-db",
    "database",
    envvar="MINISEAL_VULNERABILITY_DB",
    type=click.Path(path_type=Path),
    help="Folder with trivy.db and metadata.json; trivy's own by default.",
)


def trivy_database() -> Path:
    """Where trivy keeps its own vulnerability database."""
    from platformdirs import user_cache_path  # needs the extra `pipeline`

    named = os.environ.get("TRIVY_CACHE_DIR")
    return (Path(named) if named else user_cache_path("trivy")) / "db"
