"""Layouts that somebody else wrote, or damaged: what `inspect`, `verify` and `install` say."""

import json
import os
import shutil
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kit.hostile import bounded, call_miniseal, listing
from kit.packages import Package, assemble, package, wasm_module
from miniseal.attestations import FileSigner, sign_statement
from miniseal.formats import ustar
from miniseal.formats.digest import sha256
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_TYPE, Descriptor, Manifest
from miniseal.formats.package import ASSETS_TYPE, CONFIG_TYPE, AssetsInfo, Limits
from miniseal.formats.strictjson import canonical
from miniseal.registry import LayoutStore, attach

APP = "com.example.greeting"
TAG = "1.0.1"
GIGABYTE = 1 << 30

Damage = Callable[[Path], object]


@pytest.fixture
def layout(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released / "registry-greeting", tmp_path / "layout"))


@pytest.fixture
def policy(released: Path) -> Path:
    return released / "policy-greeting" / "policy.toml"


def refused(
    layout: Path, policy: Path, code: str, exit_code: int, *, name: str = f":{TAG}", app: str = APP
) -> None:
    """Inspecting may say what is there; verifying and installing have to refuse."""
    before = listing(layout)
    state = layout.parent / "state"
    reference = f"oci:{layout}{name}"
    with bounded(20):
        inspected = call_miniseal("inspect", reference)
        verified = call_miniseal("verify", reference, "--app", app, "--policy", policy)
        installed = call_miniseal("install", app, reference, "--policy", policy, "--state", state)
    verified.refused(code, exit_code)
    installed.refused(code, exit_code)
    assert inspected.exit_code == 0 or inspected.refused(code, exit_code)
    assert listing(layout) == before
    assert not list(state.glob("blobs/sha256/*"))
    assert not list(state.glob("records/*"))


def blob_path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def manifest_of(layout: Path) -> tuple[Descriptor, dict[str, object]]:
    descriptor = LayoutStore(layout).resolve(TAG)
    value: dict[str, object] = json.loads(blob_path(layout, descriptor.digest).read_bytes())
    return descriptor, value


def part(name: str) -> Callable[[Path], Path]:
    """The file of the tagged package's manifest, config, wasm or assets."""

    def find(layout: Path) -> Path:
        descriptor, manifest = manifest_of(layout)
        parts = {"manifest": descriptor.digest, "config": manifest["config"]["digest"]}  # type: ignore[index]
        layers: list[dict[str, str]] = manifest["layers"]  # type: ignore[assignment]
        parts |= {"wasm": layers[0]["digest"], "assets": layers[1]["digest"]}
        return blob_path(layout, parts[name])

    return find


def index(data: bytes) -> Damage:
    return lambda layout: (layout / "index.json").write_bytes(data)


def entry(**members: object) -> bytes:
    good = {"mediaType": MANIFEST_TYPE, "digest": f"sha256:{'0' * 64}", "size": 1}
    return json.dumps({"schemaVersion": 2, "manifests": [good | members]}).encode()


def giant(name: str) -> Damage:
    def damage(layout: Path) -> None:
        with (layout / name).open("wb") as file:
            file.truncate(GIGABYTE)

    return damage


def in_place(name: str, make: Callable[[Path], object]) -> Damage:
    def damage(layout: Path) -> None:
        (layout / name).unlink()
        make(layout / name)

    return damage


def mark(data: bytes) -> Damage:
    return lambda layout: (layout / "oci-layout").write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(index(b""), id="empty"),
        pytest.param(index(b'{"schemaVersion": 2, "manif'), id="cut"),
        pytest.param(index(b"\0" * 1000), id="zeros"),
        pytest.param(index(b"[" * 1_000_000), id="deep"),
        pytest.param(index(b'{"schemaVersion":2,"manifests":[],"manifests":[]}'), id="twice"),
        pytest.param(index(b'{"schemaVersion":1,"manifests":[]}'), id="version-1"),
        pytest.param(index(b'{"schemaVersion":2,"manifests":{}}'), id="no-list"),
        pytest.param(index(entry(size=-1)), id="negative-size"),
        pytest.param(index(entry(size=2**63)), id="size-of-64-bits"),
        pytest.param(index(entry(digest="sha256:../../../etc/passwd")), id="digest-escapes"),
        pytest.param(index(entry(digest="md5:" + "0" * 32)), id="weak-digest"),
        pytest.param(giant("index.json"), id="a-gigabyte"),
        pytest.param(in_place("index.json", os.mkfifo), id="pipe"),
        pytest.param(in_place("index.json", os.mkdir), id="folder"),
        pytest.param(
            in_place("index.json", lambda path: path.symlink_to("/etc/hostname")), id="link"
        ),
        pytest.param(lambda layout: (layout / "index.json").unlink(), id="none"),
        pytest.param(mark(b'{"imageLayoutVersion":"2.0.0"}'), id="layout-of-another-version"),
        pytest.param(mark(b"{}"), id="layout-without-version"),
        pytest.param(mark(b"\xff"), id="layout-not-json"),
        pytest.param(giant("oci-layout"), id="layout-mark-of-a-gigabyte"),
        pytest.param(in_place("oci-layout", os.mkfifo), id="layout-mark-is-a-pipe"),
    ],
)
def test_a_damaged_layout(layout: Path, policy: Path, damage: Damage) -> None:
    damage(layout)

    refused(layout, policy, "layout-malformed", 1)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda layout: (layout / "oci-layout").unlink(), id="no-mark"),
        pytest.param(shutil.rmtree, id="no-folder"),
        pytest.param(index(b'{"schemaVersion":2,"manifests":[]}'), id="no-entry"),
        pytest.param(lambda layout: shutil.rmtree(layout / "blobs"), id="no-blobs"),
        pytest.param(lambda layout: part("manifest")(layout).unlink(), id="no-manifest"),
        pytest.param(lambda layout: part("config")(layout).unlink(), id="no-config"),
        pytest.param(lambda layout: part("wasm")(layout).unlink(), id="no-wasm"),
        pytest.param(lambda layout: part("assets")(layout).unlink(), id="no-assets"),
    ],
)
def test_content_that_is_not_there(layout: Path, policy: Path, damage: Damage) -> None:
    damage(layout)

    refused(layout, policy, "content-missing", 2)


@pytest.mark.parametrize("name", ["manifest", "config", "wasm", "assets"])
def test_one_changed_byte(layout: Path, policy: Path, name: str) -> None:
    path = part(name)(layout)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    refused(layout, policy, "digest-mismatch", 1)


@pytest.mark.parametrize("name", ["manifest", "config", "wasm", "assets"])
def test_a_blob_that_is_another_size(layout: Path, policy: Path, name: str) -> None:
    with part(name)(layout).open("r+b") as file:
        file.truncate(GIGABYTE)

    refused(layout, policy, "digest-mismatch", 1)


@pytest.mark.parametrize("name", ["manifest", "config", "wasm", "assets"])
@pytest.mark.parametrize(
    "make",
    [os.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")],
    ids=["folder", "pipe", "link"],
)
def test_something_else_in_a_blobs_place(
    layout: Path, policy: Path, name: str, make: Callable[[Path], object]
) -> None:
    path = part(name)(layout)
    path.unlink()
    make(path)

    refused(layout, policy, "layout-malformed", 1)


def tagged(layout: Path, data: bytes, media_type: str = MANIFEST_TYPE) -> str:
    """Put a manifest into the layout as it is, under a tag; gives its digest."""
    descriptor = Descriptor.of(data, media_type)
    blob_path(layout, descriptor.digest).write_bytes(data)
    named = {**descriptor.to_json(), "annotations": {"org.opencontainers.image.ref.name": "x"}}
    (layout / "index.json").write_bytes(canonical({"schemaVersion": 2, "manifests": [named]}))
    return descriptor.digest


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"artifactType": "application/x"}, id="another-type"),
        pytest.param({"annotations": {"a": "b"}}, id="annotations"),
        pytest.param({"extra": 1}, id="unknown-member"),
        pytest.param({"layers": []}, id="no-layers"),
        pytest.param(
            {"subject": {"mediaType": MANIFEST_TYPE, "digest": f"sha256:{'0' * 64}", "size": 1}},
            id="subject",
        ),
    ],
)
def test_a_manifest_that_is_not_a_packages(
    layout: Path, policy: Path, members: dict[str, object]
) -> None:
    _, manifest = manifest_of(layout)
    tagged(layout, canonical(manifest | members))

    refused(layout, policy, "package-malformed", 1, name=":x")


@pytest.mark.parametrize("change", ["third", "swapped", "no-title", "not-canonical"])
def test_layers_that_are_not_a_packages(layout: Path, policy: Path, change: str) -> None:
    _, manifest = manifest_of(layout)
    layers: list[dict[str, object]] = manifest["layers"]  # type: ignore[assignment]
    changed = {
        "third": [*layers, layers[1]],
        "swapped": layers[::-1],
        "no-title": [{k: v for k, v in layers[0].items() if k != "annotations"}, layers[1]],
        "not-canonical": layers,
    }[change]
    data = canonical(manifest | {"layers": changed})
    tagged(layout, data + b"\n" if change == "not-canonical" else data)

    refused(layout, policy, "package-malformed", 1, name=":x")


def test_a_layer_that_claims_a_gigabyte(layout: Path, policy: Path) -> None:
    _, manifest = manifest_of(layout)
    layers: list[dict[str, object]] = manifest["layers"]  # type: ignore[assignment]
    tagged(layout, canonical(manifest | {"layers": [layers[0] | {"size": GIGABYTE}, layers[1]]}))

    refused(layout, policy, "package-malformed", 1, name=":x")


@pytest.mark.parametrize("suffix", ["-wasm", "-image"])
def test_what_is_released_beside_the_package_is_no_package(
    layout: Path, policy: Path, suffix: str
) -> None:
    refused(layout, policy, "package-malformed", 1, name=f":{TAG}{suffix}")


def test_a_tag_on_an_index(layout: Path, policy: Path) -> None:
    tagged(
        layout,
        canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}),
        INDEX_TYPE,
    )

    refused(layout, policy, "oci-malformed", 1, name=":x")


def test_a_tag_on_a_referrer(layout: Path, policy: Path) -> None:
    store = LayoutStore(layout)
    referrer = store.referrers(store.resolve(TAG))[0]
    tagged(layout, store.read(referrer, limit=1 << 20))

    refused(layout, policy, "package-malformed", 1, name=":x")


def test_a_tag_for_another_version(layout: Path, policy: Path) -> None:
    store = LayoutStore(layout)
    store.tag("9.9.9", store.resolve(TAG))

    refused(layout, policy, "tag-mismatch", 1, name=":9.9.9")


def test_another_program_than_was_asked_for(layout: Path, released: Path) -> None:
    policy = released / "policy-tip" / "policy.toml"

    refused(layout, policy, "app-mismatch", 1, app="com.example.tip")


def test_a_digest_whose_bytes_are_others(layout: Path, policy: Path) -> None:
    descriptor, _ = manifest_of(layout)
    path = blob_path(layout, descriptor.digest)
    path.write_bytes(path.read_bytes().replace(b'"schemaVersion":2', b'"schemaVersion":3'))

    refused(layout, policy, "digest-mismatch", 1, name=f"@{descriptor.digest}")


@pytest.mark.parametrize("name", ["", ":", "@sha256:0", f"@md5:{'0' * 32}", ":a/b"])
def test_references_that_name_nothing(layout: Path, policy: Path, name: str) -> None:
    run = call_miniseal("verify", f"oci:{layout}{name}", "--app", APP, "--policy", policy)

    assert run.exit_code in {1, 2}
    assert run.document["error"]["code"] in {
        "reference-malformed",
        "reference-incomplete",
        "digest-malformed",
    }


@pytest.fixture
def published(layout: Path, released: Path) -> Callable[[Package], str]:
    """Puts a package into the layout, with all evidence by a publisher who was deceived."""

    def publish(made: Package) -> str:
        for descriptor, data in made.contents:
            blob_path(layout, descriptor.digest).write_bytes(data)
        vouch(LayoutStore(layout), made, FileSigner.load(released / "publisher.key"))
        return f"@{made.digest}"

    return publish


def vouch(store: LayoutStore, made: Package, signer: FileSigner) -> None:
    """Say of `made` what is said of the tagged package."""
    for referrer in store.referrers(store.resolve(TAG)):
        manifest = Manifest.from_bytes(store.read(referrer, limit=1 << 20))
        data = store.read(manifest.layers[0], limit=1 << 23)
        statement = json.loads(b64decode(json.loads(data)["dsseEnvelope"]["payload"]))
        statement["subject"] = [{"digest": {"sha256": made.digest.removeprefix("sha256:")}}]
        component = statement["predicate"].get("metadata", {}).get("component", {})
        for each in component.get("hashes", ()):
            each["content"] = made.config.wasm.digest.removeprefix("sha256:")
        signed = sign_statement(canonical(statement), signer)
        attach(store, made.descriptor, signed, statement["predicateType"])


def hostile_package(**parts: object) -> Package:
    limits = Limits(fuel=1000, memory_mib=1, wall_ms=100)
    return package(APP, version=TAG, permissions=(), limits=limits, **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lie", ["imports", "exports", "wasm-size", "wasm-digest", "no-executables", "no-assets"]
)
def test_a_config_that_lies(
    layout: Path, policy: Path, published: Callable[[Package], str], lie: str
) -> None:
    wasm = wasm_module(("env", "abort"))
    made = hostile_package(wasm=wasm, assets={"a.json": b"#!/bin/sh\nrm -rf /\n"})
    config, assets = made.config, made.config.assets
    assert assets is not None
    assert assets.executable
    told = {
        "imports": replace(config, wasm=replace(config.wasm, imports=())),
        "exports": replace(config, wasm=replace(config.wasm, exports=("other",))),
        "wasm-size": replace(config, wasm=replace(config.wasm, size=1)),
        "wasm-digest": replace(config, wasm=replace(config.wasm, digest=sha256(b""))),
        "no-executables": replace(config, assets=replace(assets, executable=())),
        "no-assets": replace(config, assets=None),
    }[lie]
    tar = next(data for descriptor, data in made.contents if descriptor.media_type == ASSETS_TYPE)
    name = published(assemble(told, wasm, tar))

    refused(layout, policy, "package-inconsistent", 1, name=name)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data + b"\n", id="not-canonical"),
        pytest.param(lambda data: data.replace(b'"format":1', b'"format":2'), id="format-2"),
        pytest.param(lambda data: data.replace(b'"fuel":', b'"extra":1,"fuel":'), id="unknown"),
        pytest.param(lambda data: b'{"app_id":"a.b",' + data[1:], id="duplicate-key"),
        pytest.param(lambda _: b"[" * 100_000, id="deep"),
    ],
)
def test_a_config_that_is_not_one(
    layout: Path, policy: Path, change: Callable[[bytes], bytes]
) -> None:
    made = hostile_package()
    config = change(made.config.to_bytes())
    _, manifest = made.contents[0]
    value = json.loads(manifest)
    value["config"] = Descriptor.of(config, CONFIG_TYPE).to_json()
    blob_path(layout, sha256(config)).write_bytes(config)
    digest = tagged(layout, canonical(value))

    run = call_miniseal("verify", f"oci:{layout}@{digest}", "--app", APP, "--policy", policy)

    assert run.exit_code == 1
    assert run.document["error"]["code"] in {"package-malformed", "json-malformed"}


def _header(name: bytes, kind: bytes = b"0", size: int = 0) -> bytes:
    block = bytearray(next(iter([ustar.write({"a": b""})[:512]])))
    block[:100] = name.ljust(100, b"\0")
    block[124:136] = b"%011o\0" % size
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


@pytest.mark.parametrize(
    ("tar", "code"),
    [
        pytest.param(_header(b"a", b"2") + END, "archive-malformed", id="symlink"),
        pytest.param(_header(b"a", b"1") + END, "archive-malformed", id="hard-link"),
        pytest.param(_header(b"a", b"5") + END, "archive-malformed", id="folder"),
        pytest.param(_header(b"a", b"x") + END, "archive-malformed", id="pax"),
        pytest.param(_header(b"a", size=8**11 - 1) + END, "archive-malformed", id="8-gigabytes"),
        pytest.param(_header(b"a") + _header(b"a") + END, "archive-malformed", id="duplicate"),
        pytest.param(_header(b"b") + _header(b"a") + END, "archive-malformed", id="not-sorted"),
        pytest.param(_header(b"A") + _header(b"a") + END, "name-refused", id="casefold"),
        pytest.param(_header(b"../a") + END, "name-refused", id="parent"),
        pytest.param(_header(b"/etc/passwd") + END, "name-refused", id="absolute"),
        pytest.param(_header(b"a\x1b[2J") + END, "name-refused", id="escape"),
        pytest.param(_header(b"a") + END + b"more", "archive-malformed", id="trailing"),
        pytest.param(_header(b"a"), "archive-malformed", id="no-end"),
        pytest.param(b"", "archive-malformed", id="empty"),
        pytest.param(b"\x1f\x8b" + bytes(2000), "archive-malformed", id="gzip"),
    ],
)
def test_an_archive_that_is_not_ours(
    layout: Path, policy: Path, published: Callable[[Package], str], tar: bytes, code: str
) -> None:
    made = hostile_package()
    info = AssetsInfo(digest=sha256(tar), size=len(tar), executable=())
    name = published(assemble(replace(made.config, assets=info), made.wasm, tar))

    refused(layout, policy, code, 1, name=name)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0asm\x01\0\0\0\x02\x05\xff\xff\xff\xff\x0f", "wasm-malformed"),
        (b"\0asm\x0d\0\x01\0", "wasm-component-unsupported"),
        (b"#!/bin/sh\n", "wasm-malformed"),
    ],
    ids=["4-billion-imports", "component", "script"],
)
def test_wasm_that_no_runtime_takes(
    layout: Path, policy: Path, published: Callable[[Package], str], data: bytes, code: str
) -> None:
    made = hostile_package()
    wasm = replace(made.config.wasm, digest=sha256(data), size=len(data))
    name = published(assemble(replace(made.config, wasm=wasm), data, None))

    refused(layout, policy, code, 1, name=name)


@pytest.mark.parametrize(
    "asset",
    [wasm_module(), b"#!/bin/sh\n", b"<script>alert(1)</script>"],
    ids=["wasm", "script", "html"],
)
def test_code_hidden_among_the_assets(
    layout: Path, policy: Path, published: Callable[[Package], str], asset: bytes
) -> None:
    name = published(hostile_package(wasm=wasm_module(), assets={"words.json": asset}))

    refused(layout, policy, "executable-asset", 1, name=name)


def test_an_honest_package_that_was_published_so_is_admitted(
    layout: Path, policy: Path, published: Callable[[Package], str]
) -> None:
    name = published(hostile_package(wasm=wasm_module(("env", "abort"))))

    call_miniseal("verify", f"oci:{layout}{name}", "--app", APP, "--policy", policy).ok()


def test_a_package_that_nobody_vouches_for_is_refused_before_its_content_is_read(
    layout: Path, policy: Path
) -> None:
    made = hostile_package(assets={"words.json": b"#!/bin/sh\n"})
    for descriptor, data in made.contents:
        blob_path(layout, descriptor.digest).write_bytes(data)

    refused(layout, policy, "attestation-missing", 1, name=f"@{made.digest}")
