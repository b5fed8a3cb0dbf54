"""`miniseal lock`: pin the tools of a project's toolchain."""

from pathlib import Path

import click

from miniseal.cli.files import read_file, write_file
from miniseal.cli.outcome import Outcome, Verb

__all__ = ["command"]


@click.command("lock", cls=Verb)
@click.argument("project", default=".", type=click.Path(path_type=Path))
def command(project: Path) -> Outcome:
    """Write PROJECT/miniseal.lock from the tool versions that this Miniseal knows."""
    from miniseal.packager import Settings, lock_text  # pydantic

    settings = Settings.from_toml(read_file(project / "miniseal.toml"))
    path = project / "miniseal.lock"
    write_file(path, lock_text(settings.build.toolchain).encode("utf-8"))
    return Outcome(result={"lock": str(path)}, lines=(f"wrote {path}",))
