import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import wasmtime

from miniseal.formats import ustar
from miniseal.formats.digest import sha256
from miniseal.formats.errors import FormatError, MinisealError, UsageError, VerificationError
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.package import Config, Package, Toolchain, check_contents
from miniseal.packager import Built, Packed, Settings, pack
from unit.packager.sample import MANIFEST, SETTINGS, WAT

APP = MiniAppManifest.from_bytes(MANIFEST.encode())
SETTINGS_READ = Settings.from_toml(SETTINGS.encode())
WASM = bytes(wasmtime.wat2wasm(WAT))
ASSETS = {"assets/b.txt": b"2", "assets/a.txt": b"1"}
TOOLCHAIN = Toolchain(name="wat", version="50.0.1", lock=sha256(b"lock"))

WORD = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
# image-spec 1.1, schema/image-manifest-schema.json and content-descriptor.json: the essence
DESCRIPTOR = {
    "type": "object",
    "required": ["mediaType", "size", "digest"],
    "properties": {
        "mediaType": {
            "type": "string",
            "pattern": f"^{WORD}/{WORD}$",
        },
        "size": {"type": "integer", "minimum": 0},
        "digest": {"type": "string", "pattern": "^sha256:[a-f0-9]{64}$"},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
MANIFEST_SCHEMA = {
    "type": "object",
    "required": ["schemaVersion", "config", "layers"],
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": "application/vnd.oci.image.manifest.v1+json"},
        "artifactType": {"type": "string"},
        "config": DESCRIPTOR,
        "layers": {"type": "array", "minItems": 1, "items": DESCRIPTOR},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
# image-spec 1.1, schema/config-schema.json: the essence
IMAGE_CONFIG_SCHEMA = {
    "type": "object",
    "required": ["architecture", "os", "rootfs"],
    "properties": {
        "created": {"type": "string", "format": "date-time"},
        "architecture": {"type": "string"},
        "os": {"type": "string"},
        "config": {
            "type": "object",
            "properties": {"Entrypoint": {"type": "array", "items": {"type": "string"}}},
        },
        "rootfs": {
            "type": "object",
            "required": ["diff_ids", "type"],
            "properties": {
                "diff_ids": {"type": "array", "items": {"pattern": "^sha256:[a-f0-9]{64}$"}},
                "type": {"const": "layers"},
            },
        },
    },
}


def packed(
    wasm: bytes = WASM, assets: dict[str, bytes] = ASSETS, settings: Settings = SETTINGS_READ
) -> Packed:
    return pack(APP, settings, wasm, assets, TOOLCHAIN)


def config_of(result: Packed, built: Built) -> dict[str, object]:
    document: dict[str, object] = json.loads(
        result.blobs[json.loads(built.manifest)["config"]["digest"]][0]
    )
    return document


def test_a_host_reads_the_package() -> None:
    result = packed()
    package = Package.from_manifest(result.package.manifest)
    assert package.assets is not None
    config = Config.from_bytes(result.blobs[package.config.digest][0])
    contents = check_contents(
        config, result.blobs[package.wasm.digest][0], result.blobs[package.assets.digest][0]
    )

    assert config == result.config
    assert contents.assets == ASSETS


def test_a_program_without_assets_has_no_assets_layer() -> None:
    result = packed(assets={})

    assert Package.from_manifest(result.package.manifest).assets is None
    assert result.config.assets is None


def test_the_three_tags_follow_the_version() -> None:
    result = packed()

    assert [result.package.tag, result.wasm.tag, result.image.tag] == [
        "1.2.0",
        "1.2.0-wasm",
        "1.2.0-image",
    ]


def test_lists_of_the_settings_are_sorted() -> None:
    assert packed().config.allowed_hosts == ("a.acme.example", "b.acme.example")


def test_every_blob_is_there_under_its_digest() -> None:
    result = packed()
    for built in (result.package, result.wasm, result.image):
        document = json.loads(built.manifest)
        for descriptor in (document["config"], *document["layers"]):
            data, media_type = result.blobs[descriptor["digest"]]

            assert sha256(data) == descriptor["digest"]
            assert (len(data), media_type) == (descriptor["size"], descriptor["mediaType"])


def test_manifests_follow_the_image_specification() -> None:
    result = packed()
    for built in (result.package, result.wasm, result.image):
        jsonschema.validate(json.loads(built.manifest), MANIFEST_SCHEMA)

        assert built.descriptor.digest == sha256(built.manifest)


def test_wasm_artifact_is_what_wasm_tools_read() -> None:
    result = packed()
    document = json.loads(result.wasm.manifest)

    assert document["artifactType"] == "application/vnd.wasm.config.v0+json"
    assert [layer["mediaType"] for layer in document["layers"]] == ["application/wasm"]
    assert document["layers"][0]["digest"] == result.config.wasm.digest
    assert config_of(result, result.wasm) == {
        "architecture": "wasm",
        "component": None,
        "created": "1970-01-01T00:00:00Z",
        "layerDigests": [sha256(WASM)],
        "os": "wasip1",
    }


def test_image_holds_wasm_and_assets_in_one_uncompressed_layer() -> None:
    result = packed()
    config = config_of(result, result.image)
    (layer,) = json.loads(result.image.manifest)["layers"]

    jsonschema.validate(config, IMAGE_CONFIG_SCHEMA)
    assert (config["os"], config["architecture"]) == ("wasip1", "wasm")
    assert config["config"] == {"Entrypoint": ["/app.wasm"]}
    assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}
    assert ustar.read(result.blobs[layer["digest"]][0]) == {"app.wasm": WASM, **ASSETS}


def test_the_order_of_assets_does_not_matter() -> None:
    assert packed(assets=dict(sorted(ASSETS.items()))).package == packed().package


def test_nothing_but_the_input_gets_into_the_digests(tmp_path: Path) -> None:
    script = (
        "import json, sys, os\n"
        "os.umask(int(sys.argv[2], 8))\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from unit.packager import test_pack\n"
        "result = test_pack.packed()\n"
        "print(result.package.descriptor.digest, result.wasm.descriptor.digest,\n"
        "      result.image.descriptor.digest)\n"
    )
    outputs = set()
    for number, (zone, locale, umask) in enumerate(
        [("UTC", "C", "022"), ("Asia/Tokyo", "C.UTF-8", "077")]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = {
            **os.environ,
            "TZ": zone,
            "LC_ALL": locale,
            "PYTHONHASHSEED": str(number),
            "HOME": str(folder),
        }
        here = str(Path(__file__).parents[2])
        run = subprocess.run(
            [sys.executable, "-c", script, here, umask],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(run.stdout)

    assert len(outputs) == 1


@pytest.mark.parametrize("name", ["app.wasm", "APP.wasm"])
def test_refuses_an_asset_in_the_place_of_the_wasm(name: str) -> None:
    with pytest.raises(UsageError) as error:
        packed(assets={name: b""})

    assert error.value.code == "project-invalid"


def test_refuses_an_asset_name_that_leads_out() -> None:
    with pytest.raises(FormatError) as error:
        packed(assets={"../a": b""})

    assert error.value.code == "name-refused"


def test_refuses_an_import_no_permission_covers() -> None:
    with pytest.raises(VerificationError) as error:
        packed(settings=replace(SETTINGS_READ, permissions={}))

    assert error.value.code == "import-undeclared"
    assert "host:storage/kv@1.0.0" in str(error.value.found)


def test_refuses_an_import_of_a_module_among_the_assets() -> None:
    nested = bytes(wasmtime.wat2wasm('(module (import "host:camera" "shoot" (func)))'))

    with pytest.raises(VerificationError) as error:
        packed(assets={"hidden.png": nested})

    assert error.value.code == "import-undeclared"


def test_executable_assets_are_listed() -> None:
    nested = bytes(wasmtime.wat2wasm("(module)"))
    config = packed(assets={"hidden.png": nested, "a.txt": b"text"}).config
    assert config.assets is not None

    assert [(entry.name, entry.kind) for entry in config.assets.executable] == [
        ("hidden.png", "wasm")
    ]


def test_warns_of_a_permission_nothing_uses() -> None:
    idle = bytes(wasmtime.wat2wasm("(module)"))

    assert packed().warnings == ()
    assert packed(wasm=idle).warnings == (
        "permission storage is asked for and not used by any import",
    )


def test_env_needs_no_permission() -> None:
    text = '(module (import "env" "abort" (func)) (import "host:storage/kv@1.0.0" "get" (func)))'

    assert packed(wasm=bytes(wasmtime.wat2wasm(text))).warnings == ()


@pytest.mark.parametrize("wasm", [b"", b"\0asm\x0d\0\x01\0", b"MZ", WASM[:-1]])
def test_refuses_what_is_not_a_core_module(wasm: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        packed(wasm=wasm)

    assert error.value.code in ("wasm-malformed", "wasm-component-unsupported")
