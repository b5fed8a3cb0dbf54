import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats import ustar
from miniseal.formats.config import CONFIG_LIMIT, check_hosts
from miniseal.formats.digest import sha256
from miniseal.formats.errors import FormatError, MinisealError, VerificationError
from miniseal.formats.manifest import MiniAppManifest
from miniseal.formats.oci import Descriptor
from miniseal.formats.package import (
    ASSETS_TYPE,
    CONFIG_TYPE,
    PACKAGE_MALFORMED,
    WASM_TYPE,
    AssetsInfo,
    Config,
    Limits,
    Package,
    Toolchain,
    WasmInfo,
    check_contents,
    package_manifest,
)
from miniseal.formats.strictjson import canonical
from miniseal.formats.wasm.inspect import inspect

# (module (import "env" "abort" (func)) (func (export "tip")))
WASM = bytes.fromhex(
    "0061736d01000000"
    "010401600000"
    "020d0103656e760561626f72740000"
    "03020100"
    "070701037469700001"
    "0a040102000b"
)
# (module (import "a" "b" (func)))
NESTED = bytes.fromhex("0061736d01000000010401600000020701016101620000")
MANIFEST = MiniAppManifest.from_bytes(
    b'{"app_id":"com.acme.tip","name":"Tip","version":{"code":3,"name":"1.2.0"},'
    b'"platform_version":{"min_code":1},"pages":[],'
    b'"req_permissions":[{"name":"storage","reason":"remembers"}]}'
)
ENTRIES = {"a.txt": b"hello", "inner.bin": NESTED}
TAR = ustar.write(ENTRIES)


def config() -> Config:
    return Config(
        manifest=MANIFEST,
        wasm=WasmInfo.of(WASM, inspect(WASM)),
        assets=AssetsInfo.of(TAR, ENTRIES),
        permissions={"storage": ("host:storage/kv@1.0.0",)},
        allowed_hosts=("api.acme.example",),
        limits=Limits(fuel=1_000_000_000, memory_mib=64, wall_ms=2000),
        toolchain=Toolchain(name="wat", version="50.0.1", lock=sha256(b"lock")),
    )


def blobs() -> tuple[Descriptor, Descriptor, Descriptor]:
    return (
        Descriptor.of(config().to_bytes(), CONFIG_TYPE),
        Descriptor.of(WASM, WASM_TYPE),
        Descriptor.of(TAR, ASSETS_TYPE),
    )


def changed(data: bytes, *path: str | int, value: object) -> bytes:
    """The canonical document with one member set, or removed where the value is `...`."""
    document = json.loads(data)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return canonical(document)


def test_config_is_written_as_the_format_says() -> None:
    ours = json.loads(config().to_bytes())["miniseal"]

    assert ours["format"] == 1
    assert ours["wasm"]["imports"] == [{"name": "env", "functions": ["abort"]}]
    assert ours["wasm"]["exports"] == ["tip"]
    assert ours["wasm"]["world"] is None
    assert ours["assets"]["executable"] == [{"name": "inner.bin", "kind": "wasm"}]
    assert ours["network"] == {"allowed_hosts": ["api.acme.example"]}


def test_config_keeps_the_w3c_members_at_the_top() -> None:
    document = json.loads(config().to_bytes())

    assert {name: value for name, value in document.items() if name != "miniseal"} == (
        MANIFEST.members
    )


def test_config_reads_back_equal() -> None:
    assert Config.from_bytes(config().to_bytes()) == config()


def test_config_without_assets_says_null() -> None:
    bare = replace(config(), assets=None)

    assert json.loads(bare.to_bytes())["miniseal"]["assets"] is None
    assert Config.from_bytes(bare.to_bytes()) == bare


def test_config_refuses_other_than_canonical_bytes() -> None:
    data = json.dumps(json.loads(config().to_bytes()), indent=1).encode()

    with pytest.raises(FormatError, match="canonical") as error:
        Config.from_bytes(data)

    assert error.value.code == "package-malformed"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("surprise",), 1),
        (("app_id",), "tip"),
        (("version", "name"), "1.2.0-wasm"),
        (("miniseal",), ...),
        (("miniseal", "surprise"), 1),
        (("miniseal", "format"), 2),
        (("miniseal", "assets"), ...),
        (("miniseal", "assets", "size"), 257 * 1024 * 1024),
        (("miniseal", "assets", "surprise"), 1),
        (("miniseal", "wasm", "kind"), "component"),
        (("miniseal", "wasm", "world"), "app"),
        (("miniseal", "wasm", "size"), 65 * 1024 * 1024),
        (("miniseal", "wasm", "imports", 0, "name"), 7),
        (("miniseal", "wasm", "imports", 0, "surprise"), 7),
        (("miniseal", "wasm", "exports"), [1]),
        (("miniseal", "permissions", "camera"), []),
        (("miniseal", "permissions", "storage"), "host"),
        (("miniseal", "network", "allowed_hosts"), ["https://acme.example"]),
        (("miniseal", "network", "surprise"), 1),
        (("miniseal", "limits", "fuel"), 0),
        (("miniseal", "limits", "memory_mib"), 4097),
        (("miniseal", "limits", "wall_ms"), True),
        (("miniseal", "toolchain", "version"), ""),
        (("miniseal", "toolchain", "surprise"), 1),
    ],
)
def test_config_refuses(path: tuple[str | int, ...], value: object) -> None:
    data = changed(config().to_bytes(), *path, value=value)

    with pytest.raises(FormatError) as error:
        Config.from_bytes(data)

    assert error.value.code == "package-malformed"


def test_config_over_its_bound_is_not_parsed() -> None:
    with pytest.raises(FormatError) as error:
        Config.from_bytes(b"[" * (CONFIG_LIMIT + 1))

    assert error.value.code == "too-large"


def test_package_manifest_reads_back() -> None:
    described, wasm, assets = blobs()
    package = Package.from_manifest(package_manifest(described, wasm, assets).to_bytes())

    assert package.config.digest == described.digest
    assert package.wasm.digest == sha256(WASM)
    assert package.assets is not None
    assert package.assets.digest == sha256(TAR)


def test_package_without_assets_has_one_layer() -> None:
    described, wasm, _ = blobs()
    package = Package.from_manifest(package_manifest(described, wasm, None).to_bytes())

    assert package.assets is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("artifactType",), "application/vnd.wasm.config.v0+json"),
        (("artifactType",), ...),
        (("annotations",), {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"}),
        (("surprise",), 1),
        (("layers",), []),
        (("config", "mediaType"), "application/vnd.oci.image.config.v1+json"),
        (("config", "size"), CONFIG_LIMIT + 1),
        (("config", "annotations"), {"a": "b"}),
        (("layers", 0, "mediaType"), "application/octet-stream"),
        (("layers", 0, "size"), 65 * 1024 * 1024),
        (("layers", 0, "annotations"), ...),
        (("layers", 0, "annotations", "org.opencontainers.image.title"), "evil.wasm"),
        (("layers", 0, "annotations", "a"), "b"),
        (("layers", 0, "urls"), ["https://acme.example"]),
        (("layers", 1, "mediaType"), "application/vnd.oci.image.layer.v1.tar"),
        (("layers", 1, "size"), 257 * 1024 * 1024),
    ],
)
def test_package_manifest_refuses(path: tuple[str | int, ...], value: object) -> None:
    data = changed(package_manifest(*blobs()).to_bytes(), *path, value=value)

    with pytest.raises(FormatError) as error:
        Package.from_manifest(data)

    assert error.value.code == "package-malformed"


def test_package_manifest_refuses_a_subject() -> None:
    described, wasm, assets = blobs()
    manifest = replace(package_manifest(described, wasm, assets), subject=wasm)

    with pytest.raises(FormatError) as error:
        Package.from_manifest(manifest.to_bytes())

    assert error.value.code == "package-malformed"


def test_package_manifest_refuses_layers_in_the_other_order_and_a_third_one() -> None:
    manifest = package_manifest(*blobs())
    for layers in (tuple(reversed(manifest.layers)), (*manifest.layers, manifest.layers[1])):
        with pytest.raises(FormatError) as error:
            Package.from_manifest(replace(manifest, layers=layers).to_bytes())

        assert error.value.code == "package-malformed"


def test_contents_agree_with_the_config() -> None:
    contents = check_contents(config(), WASM, TAR)

    assert contents.assets == ENTRIES
    assert list(contents.nested) == ["inner.bin"]


def test_imports_of_nested_modules_count() -> None:
    imports = check_contents(config(), WASM, TAR).import_modules()

    assert [(module.name, module.functions) for module in imports] == [
        ("a", ("b",)),
        ("env", ("abort",)),
    ]


def wrong_wasm(**members: object) -> Config:
    return replace(config(), wasm=replace(config().wasm, **members))


def wrong_assets(**members: object) -> Config:
    assets = config().assets
    assert assets is not None
    return replace(config(), assets=replace(assets, **members))


@pytest.mark.parametrize(
    "lie",
    [
        wrong_wasm(digest=sha256(b"")),
        wrong_wasm(size=1),
        wrong_wasm(imports=()),
        wrong_wasm(exports=("tip", "top")),
        wrong_assets(digest=sha256(b"")),
        wrong_assets(size=1),
        wrong_assets(executable=()),
        replace(config(), assets=None),
    ],
    ids=["digest", "size", "imports", "exports", "tar-digest", "tar-size", "executable", "none"],
)
def test_contents_refuse_a_config_that_lies(lie: Config) -> None:
    with pytest.raises(VerificationError) as error:
        check_contents(lie, WASM, TAR)

    assert error.value.code == "package-inconsistent"


def test_contents_refuse_missing_assets() -> None:
    with pytest.raises(VerificationError) as error:
        check_contents(config(), WASM, None)

    assert error.value.code == "package-inconsistent"


def test_contents_refuse_a_nested_module_that_cannot_be_read() -> None:
    entries = {"inner.bin": NESTED[:-1]}
    tar = ustar.write(entries)
    with pytest.raises(FormatError) as error:
        check_contents(replace(config(), assets=AssetsInfo.of(tar, entries)), WASM, tar)

    assert error.value.code == "wasm-malformed"


@pytest.mark.parametrize("name", ["acme.example", "localhost", "a-b.c", "10.0.0.1"])
def test_accepts_the_host_name(name: str) -> None:
    assert check_hosts([name], PACKAGE_MALFORMED) == (name,)


@pytest.mark.parametrize(
    "names",
    [
        *(["*.acme.example"], ["Acme.example"], ["acme.example:443"], ["acme.example/x"], [""]),
        *(["-a.example"], ["a..example"], ["a." * 127 + "b"], ["acme.example\n"], ["a", "a"]),
    ],
    ids=repr,
)
def test_refuses_the_host_names(names: list[str]) -> None:
    with pytest.raises(FormatError) as error:
        check_hosts(names, PACKAGE_MALFORMED)

    assert error.value.code == "package-malformed"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_reading_changed_documents_ends_in_a_refusal_or_in_the_same_bytes(
    data: st.DataObject,
) -> None:
    original = bytearray(config().to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(32, 126))

    try:
        result = Config.from_bytes(bytes(original))
    except MinisealError as error:
        assert error.exit_code == 1  # noqa: PT017 - either end is right
    else:
        assert result.to_bytes() == bytes(original)
