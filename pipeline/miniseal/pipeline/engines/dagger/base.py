"""The base image: the one that the lock pins for this platform, and no other.

It comes from a registry by its digest, through the engine, or from an archive that the caller
brings, whose manifest must have that digest: the engine is given a copy with that image alone.
Only its files are used.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miniseal.formats.errors import (
    Code,
    EnvironmentalError,
    MinisealError,
    UsageError,
    VerificationError,
)
from miniseal.packager.image import Archive
from miniseal.packager.lock import OCI_ARCHIVE, BaseImage
from miniseal.pipeline.engines import sandbox
from miniseal.pipeline.engines.dagger.dockerfile import PYTHON
from miniseal.pipeline.engines.dagger.faults import explained

if TYPE_CHECKING:
    import dagger

__all__ = [
    "BASE_IMAGE_MISMATCH",
    "BASE_IMAGE_MISSING",
    "BASE_IMAGE_UNAVAILABLE",
    "BASE_IMAGE_UNUSABLE",
    "Base",
    "Ready",
]

BASE_IMAGE_MISSING = Code(
    "base-image-missing",
    UsageError,
    meaning="commands are to run in containers, and nothing says what these are made from",
    cause="miniseal.lock pins no base image for this platform",
    remedy="pin one with `miniseal lock --base-image`",
)
BASE_IMAGE_MISMATCH = Code(
    "base-image-mismatch",
    VerificationError,
    meaning="the archive holds another image than the one that miniseal.lock pins",
    cause="another file, or an image that was made again",
    remedy="bring the archive that was locked, or lock this one with `miniseal lock --base-image`",
)
BASE_IMAGE_UNAVAILABLE = Code(
    "base-image-unavailable",
    EnvironmentalError,
    meaning="the engine cannot have the base image",
    cause="no network, no access to the registry, an image that is gone, or no archive given",
    remedy="give an archive of the image with --base-image, or let the engine reach the registry",
)
BASE_IMAGE_UNUSABLE = Code(
    "base-image-unusable",
    EnvironmentalError,
    meaning="the base image lacks what every command needs",
    cause="an image without a shell or without Python 3.11",
    remedy="take an image with /bin/sh and /usr/bin/python3; Node needs libstdc++6 as well",
)

_ELSEWHERE = "/usr/local/bin/python3"
_SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The image in the engine.

    Attributes:
        files: all of them.
        system: those of the folders and files that a command sees which it has.
    """

    files: "dagger.Directory"
    system: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Which image, and where it comes from.

    Attributes:
        images: what the lock pins.
        archive: a file to take it from; None for the registry that the lock names.
        platform: which of them, `linux/ARCH`.
    """

    images: Sequence[BaseImage]
    archive: Path | None
    platform: str

    def pinned(self) -> BaseImage:
        """The lock's image for this platform.

        Raises:
            UsageError: `base-image-missing`.
        """
        for image in self.images:
            if image.platform == self.platform:
                return image
        raise BASE_IMAGE_MISSING(
            f"no base image is pinned for {self.platform}",
            found=", ".join(image.platform for image in self.images) or "none",
        )

    def check(self) -> BaseImage:
        """The pinned image, after a look into the archive where there is one.

        Raises:
            UsageError: `base-image-missing`.
            VerificationError: `base-image-mismatch`.
            FormatError: `base-image-malformed`.
            EnvironmentalError: `base-image-unavailable`.
        """
        image = self.pinned()
        if self.archive is None:
            if image.name == OCI_ARCHIVE:
                raise BASE_IMAGE_UNAVAILABLE("the base image is an archive, and none is given")
            return image
        try:
            found = Archive.read(self.archive, self.platform)
        except OSError as error:
            raise BASE_IMAGE_UNAVAILABLE(
                f"the archive cannot be read: {error.strerror}", found=str(self.archive)
            ) from error
        _match(found, image, self.archive)
        return image

    async def ready(self, client: "dagger.Client") -> "Ready":
        """The image's files in the engine, with an interpreter where commands look for it.

        Raises:
            MinisealError: as `check`, `base-image-unusable`, `engine-failed`.
        """
        image = await asyncio.to_thread(self.check)
        with tempfile.TemporaryDirectory(prefix="miniseal-", ignore_cleanup_errors=True) as scratch:
            container = client.container()
            if self.archive is not None:
                copy = Path(scratch) / "image.tar"
                await asyncio.to_thread(self._copy, self.archive, image, copy)
                container = container.import_(client.host().file(str(copy), no_cache=True))
            else:
                container = container.from_(f"{image.name}@{image.digest}")
            try:
                async with explained():
                    files = await container.rootfs().sync()
            except MinisealError as error:
                raise _unavailable(error, image) from error
        async with explained():
            return await self._usable(files)

    def _copy(self, archive: Path, image: BaseImage, target: Path) -> None:
        """Write the pinned image alone: the engine might choose another from the archive."""
        try:
            found = Archive.copy(archive, self.platform, target)
        except OSError as error:
            raise BASE_IMAGE_UNAVAILABLE(
                f"the archive cannot be copied: {error.strerror}", found=str(archive)
            ) from error
        _match(found, image, archive)

    async def _usable(self, files: "dagger.Directory") -> "Ready":
        if not await files.exists(_SHELL):
            raise BASE_IMAGE_UNUSABLE(f"the base image has no {_SHELL}")
        if not await files.exists(PYTHON):
            if not await files.exists(_ELSEWHERE):
                raise BASE_IMAGE_UNUSABLE(f"the base image has no {PYTHON}")
            files = files.with_symlink(_ELSEWHERE, PYTHON)
        paths = (*sandbox.SYSTEM, *sandbox.LOADER)
        there = await asyncio.gather(*map(files.exists, paths))
        system = tuple(path for path, is_there in zip(paths, there, strict=True) if is_there)
        return Ready(files=files, system=system)


def _match(found: Archive, image: BaseImage, archive: Path) -> None:
    if image.digest not in found.names:
        raise BASE_IMAGE_MISMATCH(
            f"{archive.name} is not the base image that is pinned",
            found=found.digest,
            expected=image.digest,
        )


def _unavailable(error: MinisealError, image: BaseImage) -> MinisealError:
    if "no space" in error.message or "lost" in error.message:
        return error
    return BASE_IMAGE_UNAVAILABLE(
        f"the engine cannot have {image.name}@{image.digest}", found=error.found
    )
