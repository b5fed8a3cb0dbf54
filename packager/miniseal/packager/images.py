"""The same wasm for other tools: an artifact for wasm registries clients, an image for containers.

Artifact: the CNCF TAG Runtime layout, a `application/vnd.wasm.config.v0+json` config and exactly
one `application/wasm` layer. Image: one uncompressed tar layer; `os` `wasip1`, `architecture`
`wasm`. Nothing that changes from one build to the next goes in: the one time that a format demands
is the epoch.
"""

from collections.abc import Mapping

from miniseal.formats import ustar
from miniseal.formats.digest import sha256
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.oci import (
    IMAGE_CONFIG_TYPE,
    IMAGE_LAYER_TYPE,
    TITLE,
    Descriptor,
    Manifest,
)
from miniseal.formats.package import WASM_TITLE, WASM_TYPE
from miniseal.formats.strictjson import canonical

__all__ = ["WASM_CONFIG_TYPE", "image", "wasm_artifact"]

WASM_CONFIG_TYPE = "application/vnd.wasm.config.v0+json"

_EPOCH = "1970-01-01T00:00:00Z"
_VERSION = "org.opencontainers.image.version"
_VARIANT = {"module.wasm.image/variant": "compat"}
"""crun's annotation: run the entry point as wasm."""

Blobs = dict[str, tuple[bytes, str]]


def wasm_artifact(manifest: MiniAppManifest, wasm: bytes) -> tuple[Manifest, Blobs]:
    """The wasm artifact's manifest, and its blobs as (data, media type) by digest."""
    config = canonical(
        {
            "architecture": "wasm",
            "component": None,
            "created": _EPOCH,
            "layerDigests": [sha256(wasm)],
            "os": "wasip1",
        }
    )
    result = Manifest(
        artifact_type=WASM_CONFIG_TYPE,
        config=Descriptor.of(config, WASM_CONFIG_TYPE),
        layers=(Descriptor.of(wasm, WASM_TYPE, annotations={TITLE: WASM_TITLE}),),
        annotations=_annotations(manifest),
    )
    return result, _blobs((config, WASM_CONFIG_TYPE), (wasm, WASM_TYPE))


def image(
    manifest: MiniAppManifest, wasm: bytes, assets: Mapping[str, bytes]
) -> tuple[Manifest, Blobs]:
    """The runnable image's manifest, and its blobs as (data, media type) by digest."""
    layer = ustar.write({WASM_TITLE: wasm, **assets})
    config = canonical(
        {
            "architecture": "wasm",
            "config": {"Entrypoint": [f"/{WASM_TITLE}"]},
            "os": "wasip1",
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]},
        }
    )
    result = Manifest(
        config=Descriptor.of(config, IMAGE_CONFIG_TYPE),
        layers=(Descriptor.of(layer, IMAGE_LAYER_TYPE),),
        annotations=_annotations(manifest) | _VARIANT,
    )
    return result, _blobs((config, IMAGE_CONFIG_TYPE), (layer, IMAGE_LAYER_TYPE))


def _annotations(manifest: MiniAppManifest) -> dict[str, str]:
    return {TITLE: manifest.name, _VERSION: manifest.version_name}


def _blobs(*blobs: tuple[bytes, str]) -> Blobs:
    return {sha256(data): (data, media_type) for data, media_type in blobs}
