"""`miniseal init`: a new mini-program from a template."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import click

from miniseal.cli.files import FILE_UNUSABLE, write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.manifest import check_app_id

__all__ = ["command"]


def _templates() -> Traversable:
    return resources.files("miniseal.cli") / "templates"


@click.command("init", cls=Verb)
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option(
    "--toolchain",
    type=click.Choice(sorted(entry.name for entry in _templates().iterdir())),
    required=True,
    help="What the program is written for.",
)
@click.option(
    "--app",
    "app_id",
    default="com.example.app",
    show_default=True,
    help="The program's app_id, a reverse domain name.",
)
def command(folder: Path, toolchain: str, app_id: str) -> Outcome:
    """Write a small mini-program with a test to FOLDER, which must be empty or not there."""
    from miniseal.packager import lock_text  # pydantic

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FILE_UNUSABLE(f"{folder} is not an empty folder")
    words = {"app_id": check_app_id(app_id), "name": app_id.rpartition(".")[2].capitalize()}
    files = dict(_files(_templates() / toolchain, ""))
    for name, text in files.items():
        write_file(folder / name, Template(text).substitute(words).encode("utf-8"))
    write_file(folder / "miniseal.lock", lock_text(toolchain).encode("utf-8"))
    written = (*sorted(files), "miniseal.lock")
    return Outcome(
        result={"folder": str(folder), "files": list(written)},
        lines=(
            *(f"wrote {folder / name}" for name in written),
            f"next: miniseal build {folder} -o oci:registry",
        ),
    )


def _files(folder: Traversable, path: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        name = f"{path}{entry.name}"
        if entry.is_dir():
            found += _files(entry, f"{name}/")
        else:
            found.append((name, entry.read_text(encoding="utf-8")))
    return found
