"""A registry that lies, stalls, points elsewhere or never ends: what the client says, and when.

Each case has its code. Nothing that was not verified is handed out or at its place, no credential
is seen by anybody but the registry, and neither memory nor time is the registry's to decide.
"""

import json
import socket
import threading
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest

from kit.evilregistry import (
    PASSWORD,
    QUICK,
    Asked,
    EvilRegistry,
    store_at,
    with_credential,
)
from kit.hostile import bounded
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    Descriptor,
    Manifest,
)
from miniseal.formats.strictjson import canonical
from miniseal.registry import LayoutStore, attach
from miniseal.registry.remote import RegistryStore
from miniseal.registry.remote.retries import Pace

WASM = bytes(range(256)) * 4096
BLOB = Descriptor.of(WASM, "application/wasm")
MIB = 1024 * 1024
MOST_SENT = 16 * MIB
"""What buffers between two sockets may hold, and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A registry with one package, the client's store in it, and somebody else's server."""

    registry: EvilRegistry
    elsewhere: EvilRegistry
    store: RegistryStore
    package: Descriptor


def published(registry: EvilRegistry, store: RegistryStore) -> Descriptor:
    """A package with the tag `1.0.0` and one referrer."""
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    layer = store.put(WASM, BLOB.media_type)
    package = store.put_manifest(Manifest(config=config, layers=(layer,)).to_bytes())
    store.tag("1.0.0", package)
    attach(store, package, b'{"a":1}', "https://example.com/predicate")
    registry.seen.clear()
    registry.sent = 0
    return package


@pytest.fixture
def scene() -> Generator[Scene]:
    with EvilRegistry(scheme="Basic") as registry, EvilRegistry() as elsewhere:
        access = with_credential(registry.host)
        package = published(registry, store_at(registry.host, access))
        store = store_at(registry.host, access)  # one that remembers nothing but the credential
        assert store.has(BLOB)
        registry.seen.clear()
        yield Scene(registry=registry, elsewhere=elsewhere, store=store, package=package)
        assert [each.authorization for each in elsewhere.seen if each.authorization] == []
        assert not any(each.holds(PASSWORD) for each in elsewhere.seen)


def endless(piece: bytes = b"\0" * 65536) -> Iterator[bytes]:
    return repeat(piece)


def body(data: bytes, *, length: int | None = None, **headers: str) -> Callable[[Asked], None]:
    """Answer with these bytes; `length` says another number, and 0 none."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if length is not None:
        given["Content-Length"] = str(length) if length else ""
    return lambda asked: asked.reply(200, data, given)


def without_end(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": MANIFEST_TYPE})
    asked.send_all(endless())


def huge(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": MANIFEST_TYPE, "Content-Length": str(300 * MIB)})
    asked.send_all(b"\0" * 65536 for _ in range(4800))


def chunks_without_end(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": MANIFEST_TYPE, "Transfer-Encoding": "chunked"})
    asked.send_all(endless(b"400\r\n" + b"x" * 1024 + b"\r\n"))


def chunk_extensions_without_end(asked: Asked) -> None:
    asked.begin(200, {"Transfer-Encoding": "chunked"})
    asked.send_all(endless(b"1;" + b"y" * 10_000 + b"\r\nx\r\n"))


def one_line_without_end(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": MANIFEST_TYPE, "Transfer-Encoding": "chunked"})
    asked.send_all(endless(b"0" * 65536))


def header_without_end(asked: Asked) -> None:
    asked.send_all(endless(b"HTTP/1.1 100 Continue\r\nX: " + b"y" * 10_000 + b"\r\n\r\n"))


def stalled(asked: Asked) -> None:
    asked.begin(200, {"Content-Length": str(len(WASM))})
    asked.send(WASM[:1000])
    asked.stall()


def silent(asked: Asked) -> None:
    asked.stall()


def dripping(asked: Asked) -> None:
    """A byte now and then, each in time."""
    asked.begin(200, {"Content-Length": str(len(WASM)), "Content-Type": MANIFEST_TYPE})

    def drops() -> Iterator[bytes]:
        while not asked.registry.over.wait(0.1):
            yield b"x"

    asked.send_all(drops())


def dripping_header(asked: Asked) -> None:
    def drops() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while not asked.registry.over.wait(0.1):
            yield b"X: y\r\n"

    asked.send_all(drops())


def cut_off(asked: Asked) -> None:
    """The same beginning each time."""
    asked.begin(200, {"Content-Length": str(len(WASM)), "Content-Type": MANIFEST_TYPE})
    asked.send(WASM[:1000])
    asked.hang_up()


def status(code: int, **headers: str) -> Callable[[Asked], None]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: asked.reply(code, b"no", given)


def hung_up(asked: Asked) -> None:
    asked.hang_up()


HTML = body(b"<html>hello</html>", Content_Type="text/html")
WRONG = WASM[:-1] + b"!"

BLOB_LIES = [
    pytest.param(body(WRONG), "digest-mismatch", id="wrong-bytes"),
    pytest.param(body(WASM + b"\0" * 5 * MIB), "digest-mismatch", id="oversize"),
    pytest.param(body(WASM + b"\0" * 5 * MIB, length=0), "digest-mismatch", id="oversize-unsaid"),
    pytest.param(body(WASM[:-9]), "digest-mismatch", id="short"),
    pytest.param(body(WASM[:-9], length=0), "digest-mismatch", id="short-unsaid"),
    pytest.param(body(WASM[:-9], length=len(WASM)), "registry-unreachable", id="short-for-length"),
    pytest.param(body(b"", length=0), "digest-mismatch", id="empty"),
    pytest.param(HTML, "digest-mismatch", id="html"),
    pytest.param(body(WASM, Content_Encoding="gzip"), "registry-malformed", id="encoded"),
    pytest.param(without_end, "digest-mismatch", id="endless"),
    pytest.param(chunks_without_end, "digest-mismatch", id="endless-chunks"),
    pytest.param(chunk_extensions_without_end, "registry-malformed", id="endless-extensions"),
    pytest.param(one_line_without_end, "registry-unreachable", id="endless-line"),
    pytest.param(header_without_end, "registry-malformed", id="endless-header"),
    pytest.param(cut_off, "registry-unreachable", id="truncated"),
    pytest.param(stalled, "registry-unreachable", id="stalled"),
    pytest.param(silent, "registry-unreachable", id="silent"),
    pytest.param(dripping, "registry-unreachable", id="dripping"),
    pytest.param(dripping_header, "registry-unreachable", id="dripping-header"),
    pytest.param(hung_up, "registry-unreachable", id="hung-up"),
    pytest.param(status(404), "content-missing", id="404"),
    pytest.param(status(416), "registry-refused", id="416"),
    pytest.param(status(204), "registry-malformed", id="204"),
    pytest.param(status(206), "registry-malformed", id="206-unasked"),
    pytest.param(status(429), "registry-unreachable", id="429-storm"),
    pytest.param(status(500), "registry-unreachable", id="500-storm"),
    pytest.param(status(503, Retry_After="99999"), "registry-unreachable", id="503-for-a-day"),
    pytest.param(status(401), "registry-malformed", id="401-unexplained"),
    pytest.param(status(403), "auth-refused", id="403"),
    pytest.param(status(302), "registry-malformed", id="redirect-to-nowhere"),
    pytest.param(status(307, Location="ftp://127.0.0.1/"), "registry-malformed", id="to-ftp"),
    pytest.param(status(307, Location="file:///etc/passwd"), "registry-malformed", id="to-file"),
    pytest.param(
        status(307, Location="http://user:pw@127.0.0.1/"), "registry-malformed", id="user"
    ),
    pytest.param(status(307, Location="http://192.0.2.1/"), "redirect-refused", id="out-of-tls"),
    pytest.param(status(307, Location="http://[::"), "registry-malformed", id="half-an-address"),
    pytest.param(status(307, Location="/v2/acme/tip/blobs/"), "redirect-refused", id="in-circles"),
]


@pytest.mark.parametrize(("lie", "code"), BLOB_LIES)
def test_lies_about_a_blob(
    scene: Scene, tmp_path: Path, lie: Callable[[Asked], None], code: str
) -> None:
    scene.registry.lie("GET", "/blobs/", lie)
    layout = LayoutStore(tmp_path / "layout")
    layout.put(b"something else", "text/plain")

    with bounded(8), pytest.raises(MinisealError) as error:
        layout.put_stream(BLOB, lambda: scene.store.stream(BLOB))

    assert error.value.code == code
    assert not layout.has(BLOB)
    assert len(list((tmp_path / "layout/blobs/sha256").iterdir())) == 1
    assert scene.registry.sent < MOST_SENT


@pytest.mark.parametrize("lie", [WRONG, WASM[:-9], WASM + b"!"], ids=["wrong", "short", "long"])
def test_a_lie_about_a_blob_is_not_handed_out_in_memory_either(scene: Scene, lie: bytes) -> None:
    scene.registry.lie("GET", "/blobs/", body(lie))

    with pytest.raises(MinisealError) as error:
        scene.store.read(BLOB, limit=len(WASM))

    assert error.value.code == "digest-mismatch"


def other_manifest(**changed: object) -> bytes:
    empty = {"mediaType": EMPTY_CONFIG_TYPE, "digest": f"sha256:{'0' * 64}", "size": 2}
    value = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": empty, "layers": []}
    return json.dumps(value | changed).encode()


MANIFEST_LIES = [
    pytest.param(
        body(other_manifest(), Content_Type=MANIFEST_TYPE), "digest-mismatch", id="another"
    ),
    pytest.param(HTML, "registry-malformed", id="html"),
    pytest.param(body(other_manifest()), "registry-malformed", id="untyped"),
    pytest.param(huge, "too-large", id="300-mib"),
    pytest.param(without_end, "too-large", id="endless"),
    pytest.param(chunks_without_end, "too-large", id="endless-chunks"),
    pytest.param(one_line_without_end, "registry-unreachable", id="endless-line"),
    pytest.param(header_without_end, "registry-malformed", id="endless-header"),
    pytest.param(cut_off, "registry-unreachable", id="truncated"),
    pytest.param(silent, "registry-unreachable", id="silent"),
    pytest.param(dripping, "registry-unreachable", id="dripping"),
    pytest.param(dripping_header, "registry-unreachable", id="dripping-header"),
    pytest.param(status(404), "content-missing", id="404"),
    pytest.param(status(503), "registry-unreachable", id="503-storm"),
    pytest.param(status(307, Location="https://127.0.0.1/"), "redirect-refused", id="redirect"),
]


@pytest.mark.parametrize(("lie", "code"), MANIFEST_LIES)
def test_lies_about_a_manifest(scene: Scene, lie: Callable[[Asked], None], code: str) -> None:
    scene.registry.lie("GET", "/manifests/", lie)

    with bounded(8), pytest.raises(MinisealError) as error:
        scene.store.read(scene.package, limit=MANIFEST_LIMIT)

    assert error.value.code == code
    assert scene.registry.sent < MOST_SENT


def test_a_digest_is_not_resolved_to_another_manifest(scene: Scene) -> None:
    other = body(other_manifest(), Content_Type=MANIFEST_TYPE)
    scene.registry.lie("GET", "/manifests/", other)

    with pytest.raises(MinisealError) as error:
        scene.store.resolve(scene.package.digest)

    assert error.value.code == "digest-mismatch"


TAG_LIES = [
    pytest.param(body(b"{}", Content_Type=MANIFEST_TYPE), "oci-malformed", id="nothing"),
    pytest.param(body(b"[" * 9999, Content_Type=MANIFEST_TYPE), "json-malformed", id="deep"),
    pytest.param(
        body(other_manifest(), Content_Type=INDEX_TYPE), "oci-malformed", id="another-type"
    ),
    pytest.param(
        body(other_manifest(manifests=[]), Content_Type=MANIFEST_TYPE), "oci-malformed", id="both"
    ),
    pytest.param(
        body(
            other_manifest(),
            Content_Type=MANIFEST_TYPE,
            Docker_Content_Digest=f"sha256:{'1' * 64}",
        ),
        "digest-mismatch",
        id="another-digest",
    ),
    pytest.param(
        body(
            other_manifest(config={"mediaType": "a/b", "digest": "sha256:../../x", "size": 1}),
            Content_Type=MANIFEST_TYPE,
        ),
        "digest-malformed",
        id="digest-with-a-path",
    ),
    pytest.param(
        body(
            other_manifest(config={"mediaType": "a/b", "digest": f"sha256:{'0' * 64}", "size": -1}),
            Content_Type=MANIFEST_TYPE,
        ),
        "oci-malformed",
        id="negative-size",
    ),
]


@pytest.mark.parametrize(("lie", "code"), TAG_LIES)
def test_lies_about_a_tag(scene: Scene, lie: Callable[[Asked], None], code: str) -> None:
    scene.registry.lie("GET", "/manifests/", lie)

    with pytest.raises(MinisealError) as error:
        scene.store.resolve("1.0.0")

    assert error.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../etc/passwd", "content-missing"),
        ("1.0.0?x=y", "content-missing"),
        ("1.0.0\r\nX y", "content-missing"),
        ("sha256:../../x", "digest-malformed"),
        (f"sha256-{'0' * 64}", "content-missing"),
    ],
    ids=["path", "query", "line", "digest", "list"],
)
def test_a_hostile_name_is_not_asked_for(scene: Scene, name: str, code: str) -> None:
    with pytest.raises(MinisealError) as error:
        scene.store.resolve(name)

    assert error.value.code == code
    assert scene.registry.seen == []


def test_a_hostile_digest_is_not_asked_for(scene: Scene) -> None:
    hostile = replace(BLOB, digest="sha256:../../../etc/passwd")

    for use in (
        lambda: scene.store.read(hostile, limit=BLOB.size),
        lambda: scene.store.has(hostile),
        lambda: scene.store.referrers(hostile),
        lambda: scene.store.delete(hostile.digest),
    ):
        with pytest.raises(MinisealError) as error:
            use()
        assert error.value.code == "digest-malformed"
    assert scene.registry.seen == []


def test_content_may_be_redirected_elsewhere_without_the_credential(scene: Scene) -> None:
    scene.elsewhere.blobs[BLOB.digest] = WASM
    target = f"{scene.elsewhere.url}/v2/other/place/blobs/{BLOB.digest}"
    scene.registry.lie("GET", "/blobs/", status(307, Location=target))

    assert scene.store.read(BLOB, limit=len(WASM)) == WASM
    assert [each.authorization for each in scene.elsewhere.asked("GET")] == [None]
    assert scene.registry.asked("GET")[-1].authorization is not None


@pytest.mark.parametrize("challenge", ["Basic", 'Bearer realm="{registry}/token"'])
def test_who_is_redirected_to_gets_no_credential_for_asking(scene: Scene, challenge: str) -> None:
    described = {"WWW-Authenticate": challenge.format(registry=scene.registry.url)}
    scene.elsewhere.lie("GET", "/blobs/", lambda asked: asked.reply(401, headers=described))
    target = f"{scene.elsewhere.url}/v2/other/place/blobs/{BLOB.digest}"
    scene.registry.lie("GET", "/blobs/", status(307, Location=target))

    with pytest.raises(MinisealError) as error:
        scene.store.read(BLOB, limit=len(WASM))

    assert error.value.code == "registry-refused"
    assert scene.registry.asked("GET", "/token") == []


@pytest.mark.parametrize(
    "location",
    [
        "{elsewhere}/v2/acme/tip/blobs/uploads/1",
        "//{host}/v2/acme/tip/blobs/uploads/1",
        "http://localhost:{port}/v2/acme/tip/blobs/uploads/1",
        "https://{own}/v2/acme/tip/blobs/uploads/1",
    ],
    ids=["another-port", "no-scheme", "another-name", "another-scheme"],
)
def test_an_upload_goes_nowhere_else(scene: Scene, location: str) -> None:
    place = location.format(
        elsewhere=scene.elsewhere.url,
        host=scene.elsewhere.host,
        port=scene.elsewhere.host.partition(":")[2],
        own=scene.registry.host,
    )
    scene.registry.lie("POST", "/uploads/", status(202, Location=place))

    with pytest.raises(MinisealError) as error:
        scene.store.put(b"new", "text/plain")

    assert error.value.code == "redirect-refused"
    assert scene.elsewhere.seen == []


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_a_redirect_of_what_is_pushed_is_refused(scene: Scene, method: str) -> None:
    path = "/manifests/" if method == "PUT" else "/blobs/"
    target = f"http://192.0.2.1{path}"
    scene.registry.lie(method, path, status(307, Location=target))

    with pytest.raises(MinisealError) as error:
        scene.store.put_manifest(
            Manifest(config=scene.store.put(b"{ }", "a/b"), layers=()).to_bytes()
        )

    assert error.value.code == "redirect-refused"


@pytest.mark.parametrize(
    "realm",
    [
        "{elsewhere}/token",
        "http://localhost:{port}/token",
        "https://192.0.2.1/token",
        "https://tokens.example.com/token",
        "http://tokens.example.com/token",
    ],
    ids=["another-port", "another-name", "address", "another-domain", "no-tls"],
)
def test_a_token_service_elsewhere_is_not_told_the_credential(scene: Scene, realm: str) -> None:
    place = realm.format(elsewhere=scene.elsewhere.url, port=scene.elsewhere.host.partition(":")[2])
    scene.registry.lie("GET", "/", status(401, WWW_Authenticate=f'Bearer realm="{place}"'))

    with pytest.raises(MinisealError) as error:
        scene.store.resolve("1.0.0")

    assert error.value.code == "redirect-refused"
    assert scene.elsewhere.seen == []


def test_a_token_service_cannot_send_the_credential_on(scene: Scene) -> None:
    scene.registry.scheme = "Bearer"
    target = f"{scene.elsewhere.url}/token"
    scene.registry.lie("GET", "/token", status(307, Location=target))

    with pytest.raises(MinisealError) as error:
        scene.store.resolve("1.0.0")

    assert error.value.code == "auth-refused"
    assert scene.elsewhere.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"{}",
        b'{"token":7}',
        b'{"token":"a b"}',
        b'{"token":"a\\r\\nX: y"}',
        b'{"token":"a","expires_in":"soon"}',
        json.dumps({"token": "a" * 100_000}).encode(),
    ],
    ids=["html", "none", "number", "two", "lines", "no-time", "long"],
)
def test_a_token_that_is_none_is_refused(scene: Scene, answer: bytes) -> None:
    scene.registry.scheme = "Bearer"
    scene.registry.lie("GET", "/token", body(answer))

    with pytest.raises(MinisealError) as error:
        scene.store.resolve("1.0.0")

    assert error.value.code == "registry-malformed"


def test_an_endless_token_is_not_read(scene: Scene) -> None:
    scene.registry.scheme = "Bearer"
    scene.registry.lie("GET", "/token", without_end)

    with pytest.raises(MinisealError) as error:
        scene.store.resolve("1.0.0")

    assert error.value.code == "too-large"
    assert scene.registry.sent < MOST_SENT


def index_of(*entries: object) -> bytes:
    return canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(entries)})


def described(descriptor: Descriptor, **changed: object) -> dict[str, object]:
    return descriptor.to_json() | changed


def test_junk_among_the_referrers_hides_nothing(scene: Scene) -> None:
    (true,) = scene.store.referrers(scene.package)
    strange = Manifest(
        config=Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE), layers=(), subject=BLOB
    )
    somebody_elses = scene.store.put_manifest(strange.to_bytes())
    junk = [
        described(scene.package),
        described(somebody_elses),
        described(true, size=true.size + 1),
        described(true, digest=f"sha256:{'0' * 64}"),
        described(true, digest="sha256:../../x"),
        described(true, mediaType="text/plain"),
        7,
    ]
    listed = index_of(*junk, described(true, artifactType="wrong/type"))
    scene.registry.lie("GET", "/referrers/", body(listed, Content_Type=INDEX_TYPE))
    fresh = store_at(scene.registry.host, with_credential(scene.registry.host))

    assert fresh.referrers(scene.package) == (true,)


REFERRER_LIES = [
    pytest.param(HTML, "registry-malformed", id="html"),
    pytest.param(body(b"{}", Content_Type=INDEX_TYPE), "oci-malformed", id="nothing"),
    pytest.param(huge, "too-large", id="300-mib"),
    pytest.param(without_end, "too-large", id="endless"),
    pytest.param(silent, "registry-unreachable", id="silent"),
    pytest.param(status(500), "registry-unreachable", id="500-storm"),
    pytest.param(status(400), "registry-refused", id="400"),
    pytest.param(
        body(index_of(*range(10_001)), Content_Type=INDEX_TYPE), "referrers-limit", id="too-many"
    ),
    pytest.param(
        lambda asked: asked.reply(
            200, index_of(), {"Content-Type": INDEX_TYPE, "Link": f'<{asked.path}>; rel="next"'}
        ),
        "redirect-refused",
        id="pages-in-circles",
    ),
    pytest.param(
        lambda asked: asked.reply(
            200,
            index_of(),
            {
                "Content-Type": INDEX_TYPE,
                "Link": f'<{asked.path}?n={len(asked.registry.seen)}>; rel="next"',
            },
        ),
        "redirect-refused",
        id="pages-without-end",
    ),
    pytest.param(
        body(
            index_of(),
            Content_Type=INDEX_TYPE,
            Link='<http://192.0.2.1/v2/acme/tip/referrers/x>; rel="next"',
        ),
        "redirect-refused",
        id="page-elsewhere",
    ),
]


@pytest.mark.parametrize(("lie", "code"), REFERRER_LIES)
def test_lies_about_referrers(scene: Scene, lie: Callable[[Asked], None], code: str) -> None:
    scene.registry.lie("GET", "/referrers/", lie if lie is not huge else huge_index)

    patient = replace(with_credential(scene.registry.host), total_seconds=60)
    store = store_at(scene.registry.host, patient)

    with bounded(20), pytest.raises(MinisealError) as error:
        store.referrers(scene.package)

    assert error.value.code == code
    assert scene.registry.sent < MOST_SENT


def huge_index(asked: Asked) -> None:
    asked.begin(200, {"Content-Type": INDEX_TYPE, "Content-Length": str(300 * MIB)})
    asked.send_all(b"\0" * 65536 for _ in range(4800))


TAGS_LIES = [
    pytest.param(HTML, "registry-malformed", id="html"),
    pytest.param(body(b'{"tags":"1.0.0"}'), "registry-malformed", id="text"),
    pytest.param(body(b'{"tags":[1]}'), "registry-malformed", id="numbers"),
    pytest.param(
        body(b'{"tags":[]}', Link='<//192.0.2.1/x>; rel="next"'),
        "redirect-refused",
        id="page-elsewhere",
    ),
    pytest.param(
        lambda asked: asked.reply(200, b"{}", {"Link": f'<{asked.target}>; rel="next"'}),
        "redirect-refused",
        id="pages-in-circles",
    ),
    pytest.param(without_end, "too-large", id="endless"),
]


@pytest.mark.parametrize(("lie", "code"), TAGS_LIES)
def test_lies_about_tags(scene: Scene, lie: Callable[[Asked], None], code: str) -> None:
    scene.registry.lie("GET", "/tags/", lie)

    with pytest.raises(MinisealError) as error:
        scene.store.tags()

    assert error.value.code == code


def test_tags_that_are_none_are_left_out(scene: Scene) -> None:
    listed = ["1.0.0", "../../x", "a b", "", f"sha256-{'0' * 64}", "gone"]
    scene.registry.lie("GET", "/tags/", body(json.dumps({"tags": listed}).encode()))

    assert scene.store.tags() == {"1.0.0": scene.package}


def test_a_registry_that_stores_another_manifest_is_noticed(scene: Scene) -> None:
    other = {"Docker-Content-Digest": f"sha256:{'0' * 64}"}
    scene.registry.lie("PUT", "/manifests/", lambda asked: asked.reply(201, headers=other))

    with pytest.raises(MinisealError) as error:
        scene.store.put_manifest(other_manifest())

    assert error.value.code == "digest-mismatch"


def test_a_tag_does_not_move_before_the_manifest_was_read_back(scene: Scene) -> None:
    new = scene.store.put_manifest(other_manifest())
    scene.registry.manifests[new.digest] = (other_manifest(annotations={"a": "b"}), MANIFEST_TYPE)
    scene.registry.seen.clear()

    with pytest.raises(MinisealError) as error:
        scene.store.tag("2.0.0", new)

    assert error.value.code == "digest-mismatch"
    assert scene.registry.asked("PUT") == []


def test_a_tag_that_did_not_move_is_noticed(scene: Scene) -> None:
    new = scene.store.put_manifest(other_manifest())
    scene.registry.lie("PUT", "/manifests/1.0.0", status(201))

    with pytest.raises(MinisealError) as error:
        scene.store.tag("1.0.0", new, force=True)

    assert error.value.code == "tag-exists"


def test_an_entry_that_never_stays_is_said(scene: Scene) -> None:
    scene.registry.lie("GET", "/referrers/", body(index_of(), Content_Type=INDEX_TYPE))

    with pytest.raises(MinisealError) as error:
        attach(scene.store, scene.package, b'{"b":2}', "https://example.com/predicate")

    assert error.value.code == "referrers-unstable"


def test_what_a_registry_says_cannot_steer_a_terminal(scene: Scene) -> None:
    with pytest.raises(MinisealError) as error:
        scene.store.resolve("none")

    assert error.value.code == "content-missing"
    assert "MANIFEST_UNKNOWN: no?ne" in str(error.value)


def test_no_error_shows_a_credential(scene: Scene) -> None:
    scene.registry.lie("GET", "/manifests/", status(403))

    with pytest.raises(MinisealError) as error:
        scene.store.resolve("1.0.0")

    chain: BaseException | None = error.value
    while chain is not None:
        assert PASSWORD not in f"{chain!r}"
        chain = chain.__cause__ or chain.__context__


def test_two_registries_do_not_see_each_others_credentials() -> None:
    with EvilRegistry(scheme="Bearer") as ours, EvilRegistry(scheme="Basic") as theirs:
        access = with_credential(ours.host)
        published(ours, store_at(ours.host, access))
        with pytest.raises(MinisealError) as error:
            store_at(theirs.host, access).resolve("1.0.0")

        assert error.value.code == "auth-required"
        assert {each.authorization for each in theirs.seen} == {None}


def test_content_is_streamed_in_little_memory(tmp_path: Path) -> None:
    size = 48 * MIB
    data = b"\0" * size
    descriptor = Descriptor.of(data, "application/wasm")
    source = LayoutStore(tmp_path / "from")
    source.put(data, descriptor.media_type)
    del data
    target = LayoutStore(tmp_path / "to")
    target.put(b"something", "text/plain")
    received = threading.Event()

    def take(asked: Asked) -> None:
        received.set()
        asked.reply(201)

    def give(asked: Asked) -> None:
        asked.begin(200, {"Content-Length": str(size)})
        asked.send_all(b"\0" * MIB for _ in range(48))

    with EvilRegistry() as registry:
        registry.lie("GET", "/blobs/", give)
        registry.lie("PUT", "/uploads/", take)
        registry.swallow = True
        store = store_at(registry.host)
        tracemalloc.start()
        try:
            store.put_stream(descriptor, lambda: source.stream(descriptor))
            target.put_stream(descriptor, lambda: store.stream(descriptor))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert received.is_set()
    assert target.has(descriptor)
    assert peak < 12 * MIB


@pytest.mark.timeout(40)  # without a bound it is a minute for each attempt
def test_a_host_that_answers_no_connection_is_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        access = replace(QUICK, total_seconds=1, connect_seconds=60)
        with pytest.raises(MinisealError) as error:
            store_at(f"{host}:{port}", access).resolve("1.0.0")

    assert error.value.code == "registry-unreachable"


def test_one_slow_referrer_does_not_let_the_others_pile_up(scene: Scene) -> None:
    names = [f"sha256:{number:064x}" for number in range(200)]
    entries = [{"mediaType": MANIFEST_TYPE, "digest": name, "size": 9} for name in names]
    scene.registry.lie("GET", "/referrers/", body(index_of(*entries), Content_Type=INDEX_TYPE))
    meanwhile: list[int] = []

    def slow(asked: Asked) -> None:
        asked.registry.over.wait(0.3)
        meanwhile.append(len(asked.registry.asked("GET", "/manifests/")))
        asked.reply(404)

    scene.registry.lie("GET", f"/manifests/{names[0]}", slow)

    assert scene.store.referrers(scene.package) == ()
    assert max(meanwhile) <= 8


def test_what_is_listed_with_many_sizes_is_asked_for_once(scene: Scene) -> None:
    gone = f"sha256:{'0' * 64}"
    entries = [{"mediaType": MANIFEST_TYPE, "digest": gone, "size": size} for size in range(50)]
    scene.registry.lie("GET", "/referrers/", body(index_of(*entries), Content_Type=INDEX_TYPE))

    assert scene.store.referrers(scene.package) == ()
    assert len(scene.registry.asked("GET", "/manifests/")) == 1


def test_tags_have_one_time_for_all_of_them(scene: Scene) -> None:
    names = [f"v{number}" for number in range(40)]
    data, media_type = scene.registry.manifests["1.0.0"]
    time = [0.0]

    def late(asked: Asked) -> None:
        time[0] += 1.5
        asked.reply(200, data, {"Content-Type": media_type})

    scene.registry.lie("GET", "/tags/", body(json.dumps({"tags": names}).encode()))
    scene.registry.lie("GET", "/manifests/", late)
    access = replace(with_credential(scene.registry.host), parallel=1)
    pace = Pace(clock=lambda: time[0], pause=lambda _: None)
    store = RegistryStore(scene.registry.host, "acme/tip", access=access, pace=pace)

    with pytest.raises(MinisealError) as error:
        store.tags()

    assert error.value.code == "registry-unreachable"
    assert len(scene.registry.asked("GET", "/manifests/")) < len(names)


def test_content_that_was_redirected_and_back_is_asked_for_without_the_credential(
    scene: Scene,
) -> None:
    there = f"{scene.elsewhere.url}/v2/other/place/blobs/{BLOB.digest}"
    back = f"{scene.registry.url}/v2/acme/tip/blobs/secret"
    scene.registry.lie("GET", BLOB.digest, status(307, Location=there))
    scene.elsewhere.lie("GET", "/blobs/", status(307, Location=back))

    with pytest.raises(MinisealError) as error:
        scene.store.read(BLOB, limit=len(WASM))

    assert error.value.code == "auth-refused"
    assert next(each.authorization for each in scene.registry.asked("GET", "/secret")) is None


def test_an_upload_that_is_taken_slowly_is_given_up(tmp_path: Path) -> None:
    size = 64 * MIB
    descriptor = replace(BLOB, size=size)
    source = tmp_path / "zeros"
    with source.open("wb") as file:
        file.truncate(size)

    @contextmanager
    def content() -> Generator[Iterator[bytes]]:
        with source.open("rb") as file:
            yield iter(partial(file.read, MIB // 4), b"")

    with EvilRegistry() as registry:
        registry.swallow, registry.sips = True, 0.1
        access = replace(QUICK, total_seconds=1, least_rate=1024 * MIB, attempts=1)
        with pytest.raises(MinisealError) as error:
            store_at(registry.host, access).put_stream(descriptor, content)

    assert error.value.code == "registry-unreachable"
    assert "too slowly" in str(error.value)


SCREEN = "\x1b[2J\x1b]0;owned\x07"
SCREEN_LIES = [
    pytest.param(lambda asked: asked.send_all([SCREEN.encode() + b"\r\n\r\n"]), id="status-line"),
    pytest.param(body(WASM, Content_Encoding=SCREEN), id="encoding"),
    pytest.param(lambda asked: asked.reply(200, WASM, {"Content-Length": SCREEN}), id="length"),
    pytest.param(status(307, Location=f"http://192.0.2.1/{SCREEN}"), id="location"),
    pytest.param(status(401, WWW_Authenticate=SCREEN), id="challenge"),
    pytest.param(
        status(401, WWW_Authenticate=f'Bearer realm="http://192.0.2.1/{SCREEN}"'), id="realm"
    ),
    pytest.param(
        lambda asked: asked.reply(
            403, json.dumps({"errors": [{"code": SCREEN, "message": SCREEN}]}).encode()
        ),
        id="error",
    ),
    pytest.param(body(b"{}", Content_Type=SCREEN), id="type"),
    pytest.param(
        body(b"{}", Content_Type=MANIFEST_TYPE, Docker_Content_Digest=f"sha256:{SCREEN}"),
        id="digest",
    ),
    pytest.param(
        body(other_manifest(mediaType=f"{SCREEN}\n::stop-commands::"), Content_Type=MANIFEST_TYPE),
        id="media-type",
    ),
]


@pytest.mark.parametrize("lie", SCREEN_LIES)
def test_no_error_holds_what_a_screen_obeys(scene: Scene, lie: Callable[[Asked], None]) -> None:
    for path in ("/blobs/", "/manifests/"):
        scene.registry.lie("GET", path, lie)

    for use in (
        lambda: scene.store.read(BLOB, limit=len(WASM)),
        lambda: scene.store.resolve("1.0.0"),
    ):
        with pytest.raises(MinisealError) as error:
            use()
        assert str(error.value).isprintable()


def test_a_slow_registry_is_not_looked_at_for_hours(scene: Scene) -> None:
    time = [0.0]

    def late(asked: Asked) -> None:
        time[0] += 1.5
        asked.reply(200, index_of(), {"Content-Type": INDEX_TYPE})

    scene.registry.lie("GET", "/referrers/", late)
    pace = Pace(clock=lambda: time[0], pause=lambda _: None)
    access = with_credential(scene.registry.host)
    store = RegistryStore(scene.registry.host, "acme/tip", access=access, pace=pace)

    with pytest.raises(MinisealError) as error:
        attach(store, scene.package, b'{"b":2}', "https://example.com/predicate")

    assert error.value.code == "referrers-unstable"
    assert len(scene.registry.asked("GET", "/referrers/")) < 10


@pytest.mark.parametrize("answer", [200, 201, 202])
def test_a_mount_that_is_a_lie_is_none(scene: Scene, answer: int) -> None:
    new = Descriptor.of(b"new", "text/plain")
    scene.registry.lie("POST", "mount=", status(answer, Location=f"{scene.elsewhere.url}/x"))

    try:
        assert not scene.store.mount(new, "acme/other")
    except MinisealError as error:
        assert (answer, error.code) == (200, "registry-malformed")  # noqa: PT017 - one of both
    scene.store.put(b"new", "text/plain")
    assert scene.registry.blobs[new.digest] == b"new"
    assert scene.elsewhere.seen == []
