"""`miniseal lock`: pin the tools of a project's toolchain, and what containers are made from."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from miniseal.cli.files import FILE_UNUSABLE, read_file, write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import MinisealError

if TYPE_CHECKING:
    from miniseal.packager.lock import BaseImage

__all__ = ["command"]


@click.command("lock", cls=Verb)
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option(
    "--base-image",
    "named",
    metavar="IMAGE",
    help="HOST/NAME@sha256:... or oci-archive:FILE, for engines that run containers.",
)
def command(project: Path, named: str | None) -> Outcome:
    """Write PROJECT/miniseal.lock from the tool versions that this Miniseal knows.

    Base images that the lock pins already stay, but for the one that is replaced.
    """
    from miniseal.packager import Settings, lock_text  # pydantic

    settings = Settings.from_toml(read_file(project / "miniseal.toml"))
    path = project / "miniseal.lock"
    images, lines = _kept(path)
    if named is not None:
        images = _with(images, _named(named))
    write_file(path, lock_text(settings.build.toolchain, images).encode("utf-8"))
    return Outcome(
        result={
            "lock": str(path),
            "images": [
                {"name": image.name, "digest": image.digest, "platform": image.platform}
                for image in images
            ],
        },
        lines=(
            *lines,
            f"wrote {path}",
            *(f"  {image.platform}  {image.name}@{image.digest}" for image in images),
        ),
    )


def _kept(path: Path) -> "tuple[tuple[BaseImage, ...], tuple[str, ...]]":
    """The base images of the lock that is there, and what is to be said of it."""
    from miniseal.packager import Lock  # pydantic

    if not path.exists():
        return (), ()
    try:
        return Lock.from_toml(read_file(path)).images, ()
    except MinisealError as error:
        return (), (f"the old lock is not read, its base images are gone: {error}",)


def _named(text: str) -> "BaseImage":
    from miniseal.packager import image  # pydantic

    try:
        return image.named(text, image.platform())
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot read {text}: {error.strerror}") from error


def _with(images: "tuple[BaseImage, ...]", new: "BaseImage") -> "tuple[BaseImage, ...]":
    others = (image for image in images if image.platform != new.platform)
    return tuple(sorted((*others, new), key=lambda image: image.platform))
