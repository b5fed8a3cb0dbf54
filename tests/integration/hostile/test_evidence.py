"""Evidence that strangers attach: junk neither helps nor hurts, and costs little."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.hostile import bounded, call_miniseal, listing, within
from kit.packages import bundle, checks, key, scai, scan
from miniseal.attestations import FileSigner
from miniseal.formats.bundle import BUNDLE_TYPE
from miniseal.formats.dsse import pae
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.strictjson import canonical
from miniseal.registry import LayoutStore, attach
from miniseal.verifier.evidence import URIS

APP = "com.example.greeting"
TAG = "1.0.1"
SCAN = URIS[Vulns]


@pytest.fixture
def layout(released: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released / "registry-greeting", tmp_path / "layout"))


@pytest.fixture
def bare(layout: Path) -> Path:
    """The package alone: no evidence."""
    store = LayoutStore(layout)
    index = json.loads((layout / "index.json").read_bytes())
    keep = store.resolve(TAG).digest
    index["manifests"] = [each for each in index["manifests"] if each["digest"] == keep]
    (layout / "index.json").write_bytes(canonical(index))
    return layout


@pytest.fixture
def publisher(released: Path) -> FileSigner:
    return FileSigner.load(released / "publisher.key")


@pytest.fixture
def verify(released: Path, tmp_path: Path) -> Callable[[Path], str]:
    """Verify and install; gives the code of the refusal, which both have to agree on, or `ok`."""

    def run(layout: Path) -> str:
        policy = released / "policy-greeting" / "policy.toml"
        reference = f"oci:{layout}:{TAG}"
        before = listing(layout)
        verified = call_miniseal("verify", reference, "--app", APP, "--policy", policy)
        installed = call_miniseal(
            *("install", APP, reference, "--policy", policy, "--state", tmp_path / "state")
        )
        assert listing(layout) == before
        if verified.exit_code == 0:
            installed.ok()
            return "ok"
        code = str(verified.document["error"]["code"])
        verified.refused(code)
        installed.refused(code)
        assert not list((tmp_path / "state").glob("records/*"))
        return code

    return run


def referrer(
    store: LayoutStore, subject: Descriptor, number: int, kind: int, signer: FileSigner
) -> None:
    """One of many kinds of junk, each one different from the others."""
    mark = f"{number:06}"
    said = {
        0: mark.encode(),
        1: b"{" * 1000 + mark.encode(),
        2: bundle(*scan(), ["sha256:" + mark.rjust(64, "0")], signer),
        3: bundle(*scai(), [subject.digest, "sha256:" + mark.rjust(64, "0")], key("stranger")),
        4: bundle(SCAN, {"junk": mark}, [subject.digest], key("stranger")),
    }
    if kind in said:
        attach(store, subject, said[kind], SCAN)
        return
    manifest = Manifest(
        artifact_type="application/vnd.example.junk" if kind == 5 else BUNDLE_TYPE,
        config=store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
        layers=tuple(store.put(mark.encode(), "text/plain") for _ in range(kind - 5)),
        subject=Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size),
        annotations={"junk": mark},
    )
    store.put_manifest(manifest.to_bytes())


def flood(layout: Path, signer: FileSigner, count: int = 300) -> None:
    """Attach this many junk referrers of eight kinds, in one list as a registry would."""
    store = LayoutStore(layout)
    subject = store.resolve(TAG)
    for number in range(count):
        referrer(store, subject, number, number % 8, signer)


def test_three_hundred_junk_referrers_beside_good_evidence_change_nothing(
    layout: Path, publisher: FileSigner, verify: Callable[[Path], str]
) -> None:
    flood(layout, publisher)

    with bounded(20):
        assert verify(layout) == "ok"


def test_three_hundred_junk_referrers_alone_are_no_evidence(
    bare: Path, publisher: FileSigner, verify: Callable[[Path], str]
) -> None:
    flood(bare, publisher)

    with bounded(20):
        assert verify(bare) == "attestation-missing"


def test_more_claims_of_a_known_key_than_one_admission_checks(
    layout: Path, publisher: FileSigner, verify: Callable[[Path], str]
) -> None:
    store = LayoutStore(layout)
    subject = store.resolve(TAG)
    stranger = key("stranger")
    for number in range(70):
        data = json.loads(bundle(*checks([f"check-{number}"]), [subject.digest], stranger))
        data["verificationMaterial"]["publicKey"]["hint"] = publisher.hint
        attach(store, subject, canonical(data), checks()[0])

    with bounded(20):
        assert verify(layout) == "evidence-limit"


def test_more_bytes_than_one_admission_reads(layout: Path, verify: Callable[[Path], str]) -> None:
    store = LayoutStore(layout)
    subject = store.resolve(TAG)
    for number in range(6):
        attach(store, subject, bytes([number]) * (7 << 20), SCAN)

    with bounded(20):
        assert verify(layout) == "evidence-limit"


def test_a_bundle_of_200_megabytes_is_not_read(layout: Path, released: Path) -> None:
    store = LayoutStore(layout)
    subject = store.resolve(TAG)
    digest = "sha256:" + "7" * 64
    with (layout / "blobs" / "sha256" / ("7" * 64)).open("wb") as file:
        file.truncate(200 << 20)
    manifest = Manifest(
        artifact_type=BUNDLE_TYPE,
        config=store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
        layers=(Descriptor(media_type=BUNDLE_TYPE, digest=digest, size=200 << 20),),
        subject=Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size),
    )
    store.put_manifest(manifest.to_bytes())
    policy = released / "policy-greeting" / "policy.toml"

    with bounded(10):
        run = run_miniseal(
            *("verify", f"oci:{layout}:{TAG}", "--app", APP, "--policy", policy),
            prefix=within(400),
        )

    run.ok()


def resigned(
    signer: FileSigner, payload: bytes, payload_type: str = "application/vnd.in-toto+json"
) -> dict[str, object]:
    """A bundle around any payload, with a signature that verifies."""
    signature = base64.b64encode(signer.sign(pae(payload_type, payload))).decode()
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": signer.hint}},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"sig": signature}],
        },
    }


def the_scan(layout: Path, released: Path) -> tuple[LayoutStore, Descriptor, bytes]:
    """The layout without its scan, the package, and the scan's payload."""
    whole = LayoutStore(released / "registry-greeting")
    subject = whole.resolve(TAG)
    store = LayoutStore(layout)
    payload = b""
    for each in whole.referrers(subject):
        manifest = Manifest.from_bytes(whole.read(each, limit=1 << 20))
        data = whole.read(manifest.layers[0], limit=1 << 23)
        if each.annotations["dev.sigstore.bundle.predicateType"] == SCAN:
            payload = base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"])
        else:
            attach(store, subject, data, each.annotations["dev.sigstore.bundle.predicateType"])
    return store, subject, payload


def test_the_scan_signed_again_is_good_evidence(
    bare: Path, released: Path, publisher: FileSigner, verify: Callable[[Path], str]
) -> None:
    store, subject, payload = the_scan(bare, released)
    attach(store, subject, canonical(resigned(publisher, payload)), SCAN)

    assert verify(bare) == "ok"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(
            lambda bundle: {
                **bundle,
                "dsseEnvelope": {
                    **bundle["dsseEnvelope"],
                    "signatures": bundle["dsseEnvelope"]["signatures"] * 2,
                },
            },
            "attestation-missing",
            id="two-signatures",
        ),
        pytest.param(
            lambda bundle: {
                **bundle,
                "dsseEnvelope": {**bundle["dsseEnvelope"], "signatures": []},
            },
            "attestation-missing",
            id="no-signature",
        ),
        pytest.param(
            lambda bundle: {**bundle, "mediaType": "application/json"},
            "attestation-missing",
            id="another-type",
        ),
        pytest.param(
            lambda bundle: {**bundle, "verificationMaterial": {}},
            "attestation-missing",
            id="no-signer",
        ),
        pytest.param(
            lambda bundle: {
                **bundle,
                "dsseEnvelope": {
                    **bundle["dsseEnvelope"],
                    "signatures": [{"sig": base64.b64encode(bytes(70)).decode()}],
                },
            },
            "signature-invalid",
            id="zeros-as-signature",
        ),
        pytest.param(
            lambda bundle: {**bundle, "verificationMaterial": {"publicKey": {"hint": "someone"}}},
            "identity-mismatch",
            id="a-strangers-hint",
        ),
    ],
)
def test_a_damaged_bundle_is_no_evidence(
    bare: Path,
    released: Path,
    publisher: FileSigner,
    verify: Callable[[Path], str],
    change: Callable[[dict[str, object]], dict[str, object]],
    code: str,
) -> None:
    store, subject, payload = the_scan(bare, released)
    attach(store, subject, canonical(change(resigned(publisher, payload))), SCAN)

    assert verify(bare) == code


def test_a_payload_of_another_type_is_no_evidence(
    bare: Path, released: Path, publisher: FileSigner, verify: Callable[[Path], str]
) -> None:
    store, subject, payload = the_scan(bare, released)
    attach(store, subject, canonical(resigned(publisher, payload, "application/json")), SCAN)

    assert verify(bare) == "signature-invalid"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(
            lambda payload: b'{"predicateType":"https://example.org/other",' + payload[1:],
            "attestation-missing",
            id="duplicate-key",
        ),
        pytest.param(lambda payload: payload + b"{}", "attestation-missing", id="two-documents"),
        pytest.param(lambda _: b"[" * 100_000, "attestation-missing", id="deep"),
        pytest.param(
            lambda payload: payload.replace(b"statement/v1", b"statement/v9").replace(
                b"Statement/v1", b"Statement/v9"
            ),
            "attestation-missing",
            id="another-version",
        ),
        pytest.param(
            lambda payload: _with_subjects(payload, 1025), "attestation-missing", id="1025-subjects"
        ),
        pytest.param(
            lambda payload: _with_subjects(payload, 1), "subject-mismatch", id="another-package"
        ),
        pytest.param(
            lambda payload: payload.replace(b'"scanner"', b'"scamner"'),
            "predicate-malformed",
            id="no-scanner",
        ),
    ],
)
def test_a_signed_statement_that_says_something_else(
    bare: Path,
    released: Path,
    publisher: FileSigner,
    verify: Callable[[Path], str],
    change: Callable[[bytes], bytes],
    code: str,
) -> None:
    store, subject, payload = the_scan(bare, released)
    attach(store, subject, canonical(resigned(publisher, change(payload))), SCAN)

    assert verify(bare) == code


def _with_subjects(payload: bytes, count: int) -> bytes:
    subjects = [{"name": "x", "digest": {"sha256": f"{n:064x}"}} for n in range(count)]
    return canonical(json.loads(payload) | {"subject": subjects})


def test_evidence_of_another_package_is_no_evidence(
    bare: Path, released: Path, verify: Callable[[Path], str]
) -> None:
    tip = LayoutStore(released / "registry-tip")
    name = next(each for each in tip.tags() if not each.endswith(("-wasm", "-image")))
    store = LayoutStore(bare)
    subject = store.resolve(TAG)
    for each in tip.referrers(tip.resolve(name)):
        manifest = Manifest.from_bytes(tip.read(each, limit=1 << 20))
        data = tip.read(manifest.layers[0], limit=1 << 23)
        attach(store, subject, data, each.annotations["dev.sigstore.bundle.predicateType"])

    assert verify(bare) == "subject-mismatch"


@pytest.mark.parametrize("kind", ["empty", "cut", "not-an-index", "entry-without-digest", "gone"])
def test_a_damaged_list_of_referrers(layout: Path, kind: str, released: Path) -> None:
    subject = LayoutStore(layout).resolve(TAG)
    index = json.loads((layout / "index.json").read_bytes())
    name = subject.digest.replace(":", "-")
    listed = next(
        each
        for each in index["manifests"]
        if each.get("annotations", {}).get("org.opencontainers.image.ref.name") == name
    )
    path = layout / "blobs" / "sha256" / listed["digest"].removeprefix("sha256:")
    data = {
        "empty": b"",
        "cut": path.read_bytes()[:100],
        "not-an-index": b'{"manifests": 1}',
        "entry-without-digest": b'{"schemaVersion": 2, "manifests": [{}, 1, null]}',
        "gone": b"",
    }[kind]
    descriptor = Descriptor.of(data, listed["mediaType"])
    listed.update(digest=descriptor.digest, size=descriptor.size)
    if kind != "gone":
        (layout / "blobs" / "sha256" / descriptor.digest[7:]).write_bytes(data)
    (layout / "index.json").write_bytes(canonical(index))
    policy = released / "policy-greeting" / "policy.toml"

    run = call_miniseal("verify", f"oci:{layout}:{TAG}", "--app", APP, "--policy", policy)

    expected = {
        "empty": ("json-malformed", 1),
        "cut": ("json-malformed", 1),
        "not-an-index": ("oci-malformed", 1),
        "entry-without-digest": ("attestation-missing", 1),
        "gone": ("content-missing", 2),
    }[kind]
    run.refused(*expected)
