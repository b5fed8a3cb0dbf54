"""What the building commands share: an engine, the tool cache, and how a package reads."""

import os
from pathlib import Path

from miniseal.formats.errors import Code, UsageError
from miniseal.formats.reference import Reference
from miniseal.packager import Packed
from miniseal.pipeline.engines.local import LocalEngine, detect
from miniseal.pipeline.steps.fetch import ToolCache
from miniseal.registry import Store, open_store

__all__ = [
    "DESTINATION_UNUSABLE",
    "engine",
    "open_target",
    "packed_lines",
    "packed_result",
    "tool_cache",
]

DESTINATION_UNUSABLE = Code(
    "destination-unusable",
    UsageError,
    meaning="what is built or released has no repository to go to",
    cause="neither the command line nor [publish] to names one, or it has a tag or a digest",
    remedy="name a repository alone, as oci:DIR: the tags are made from the version",
)


def open_target(text: str | None) -> Store:
    """The store that something is written to.

    Raises:
        UsageError: `destination-unusable`, `reference-malformed`, `transport-unsupported`.
    """
    if text is None:
        raise DESTINATION_UNUSABLE("no destination is given")
    reference = Reference.parse(text)
    if reference.tag or reference.digest:
        raise DESTINATION_UNUSABLE("a destination has no tag and no digest", found=text)
    return open_store(reference)


def engine(*, isolate: bool) -> LocalEngine:
    """The local engine with the best isolation that works here, or with none."""
    return LocalEngine(detect() if isolate else None)


def tool_cache() -> ToolCache:
    """The cache of fetched tools: `MINISEAL_CACHE`, else the user's cache folder."""
    from platformdirs import user_cache_path  # slow, and not always needed

    named = os.environ.get("MINISEAL_CACHE")
    folder = Path(named) if named else user_cache_path("miniseal")
    return ToolCache(folder=folder / "tools", environ=dict(os.environ))


def packed_result(packed: Packed) -> dict[str, object]:
    """What was packed, for `--json`."""
    manifest = packed.config.manifest
    return {
        "app_id": manifest.app_id,
        "version": {"code": manifest.version_code, "name": manifest.version_name},
        "package": packed.package.descriptor.digest,
        "wasm_artifact": packed.wasm.descriptor.digest,
        "image": packed.image.descriptor.digest,
        "warnings": list(packed.warnings),
    }


def packed_lines(packed: Packed, *, tagged: bool = True) -> tuple[str, ...]:
    """What was packed, for people; with the tags where it has them."""
    manifest = packed.config.manifest
    return (
        f"{manifest.app_id} {manifest.version_name} (code {manifest.version_code})",
        *(
            f"  {what:<8} {built.descriptor.digest}" + (f"  {built.tag}" if tagged else "")
            for what, built in (
                ("package", packed.package),
                ("wasm", packed.wasm),
                ("image", packed.image),
            )
        ),
    )
