"""The client against a small registry: what it asks, what it repeats, and how it logs in."""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kit.commands import Run
from kit.evilregistry import (
    PASSWORD,
    QUICK,
    USER,
    Asked,
    EvilRegistry,
    store_at,
    with_credential,
)
from kit.hostile import call_miniseal
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_LIMIT,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.registry import Access, Credential, attach
from miniseal.registry.referrers import fallback_tag
from miniseal.registry.remote import RegistryStore
from miniseal.registry.remote.retries import Pace

WASM = bytes(range(256)) * 4096
BLOB = Descriptor.of(WASM, "application/wasm")


@pytest.fixture
def registry() -> Generator[EvilRegistry]:
    with EvilRegistry() as made:
        yield made


@pytest.fixture
def old() -> Generator[EvilRegistry]:
    """Without the referrers API."""
    with EvilRegistry(referrers=False) as made:
        yield made


def manifest(store: RegistryStore, **changed: object) -> Descriptor:
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    made = Manifest(config=config, layers=(store.put(WASM, BLOB.media_type),))
    return store.put_manifest(replace(made, **changed).to_bytes())


def refused(code: str, use: Callable[[], object]) -> MinisealError:
    with pytest.raises(MinisealError) as error:
        use()
    assert error.value.code == code
    return error.value


def hung_up(asked: Asked) -> None:
    asked.hang_up()


# content


def test_content_comes_back_as_it_was_put(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    package = manifest(store)
    store.tag("1.0.0", package)

    assert store.has(BLOB)
    assert store.has(package)
    assert store.read(BLOB, limit=len(WASM)) == WASM
    assert store_at(registry.host).resolve("1.0.0") == package
    assert store.resolve(package.digest) == package
    assert store.tags() == {"1.0.0": package}


def test_empty_content_comes_back(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    empty = store.put(b"", "text/plain")

    assert store.read(empty, limit=0) == b""


def test_content_over_the_limit_is_not_asked_for(registry: EvilRegistry) -> None:
    refused("too-large", lambda: store_at(registry.host).read(BLOB, limit=len(WASM) - 1))

    assert registry.seen == []


def test_what_is_there_is_not_sent_again(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    manifest(store)
    registry.seen.clear()
    manifest(store)

    assert registry.asked("POST") == []


def put_stream(store: RegistryStore, data: bytes) -> None:
    descriptor = Descriptor.of(data, "text/plain")
    store.put_stream(descriptor, lambda: nullcontext(iter([data])))


def test_a_repository_without_many_small_blobs_is_not_asked_for_more(
    registry: EvilRegistry,
) -> None:
    store = store_at(registry.host)
    for number in range(20):
        put_stream(store, f"blob {number}".encode())
    asked = len(registry.asked("HEAD"))
    large = [WASM + bytes([number]) for number in range(2)]
    for data in (*large, *large):
        put_stream(store, data)
    put_stream(store, b"blob 0")
    store.put(b"blob 0", "text/plain")

    assert asked == 8
    assert len(registry.asked("HEAD")) == 8 + 4 + 1 + 1
    assert len(registry.asked("POST")) == len(registry.asked("PUT")) == 20 + 2
    assert len(registry.blobs) == 20 + 2


def test_what_was_not_asked_for_is_asked_for_before_it_is_sent_again(
    registry: EvilRegistry,
) -> None:
    store = store_at(registry.host)
    for number in range(10):
        put_stream(store, f"blob {number}".encode())

    def answer_is_lost(asked: Asked) -> None:
        registry.blobs[asked.query["digest"]] = asked.body
        asked.hang_up()

    registry.lie("PUT", "/uploads/", answer_is_lost, times=1)
    before = len(registry.seen)
    put_stream(store, b"blob 10")

    assert [seen.method for seen in registry.seen[before:]] == ["POST", "PUT", "HEAD"]


def test_what_is_not_there_is_said(registry: EvilRegistry) -> None:
    store = store_at(registry.host)

    assert not store.has(BLOB)
    assert store.tags() == {}
    refused("content-missing", lambda: store.read(BLOB, limit=len(WASM)))
    refused("content-missing", lambda: store.resolve("1.0.0"))


def test_a_manifest_that_is_streamed_is_checked_too(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    package = manifest(store)

    with store.stream(package) as chunks:
        assert b"".join(chunks) == store.read(package, limit=MANIFEST_LIMIT)


def test_an_index_is_content_too(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    index = Index(manifests=(manifest(store),))
    stored = store.put_manifest(index.to_bytes(), INDEX_TYPE)
    store.tag("all", stored)

    assert store_at(registry.host).resolve("all") == stored


def test_content_is_mounted_from_another_repository(registry: EvilRegistry) -> None:
    store_at(registry.host).put(WASM, BLOB.media_type)
    other = store_at(registry.host, repository="acme/other")
    registry.lie("HEAD", "/acme/other/blobs/", lambda asked: asked.reply(404), times=1)

    assert other.mount(BLOB, "acme/tip")
    (mounted,) = registry.asked("POST", "/acme/other/")
    assert "from=acme%2Ftip" in mounted.path


def test_what_cannot_be_mounted_is_no_error_and_no_upload(registry: EvilRegistry) -> None:
    assert not store_at(registry.host).mount(BLOB, "acme/other")
    assert len(registry.asked("DELETE", "/uploads/")) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_registry_that_refuses_to_mount_is_sent_the_bytes(
    registry: EvilRegistry, status: int
) -> None:
    headers = {"WWW-Authenticate": 'Basic realm="x"'} if status == 401 else {}
    registry.lie("POST", "mount=", lambda asked: asked.reply(status, headers=headers))
    store = store_at(registry.host, with_credential(registry.host))

    assert not store.mount(BLOB, "acme/other")
    store.put(WASM, BLOB.media_type)
    assert registry.blobs[BLOB.digest] == WASM


# tags


def test_a_tag_that_names_the_same_is_written_once(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    package = manifest(store)
    store.tag("1.0.0", package)
    registry.seen.clear()
    store.tag("1.0.0", package)

    assert registry.asked("PUT") == []


def test_a_tag_stays_unless_forced(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    first, second = manifest(store), manifest(store, annotations={"a": "b"})
    store.tag("1.0.0", first)

    refused("tag-exists", lambda: store.tag("1.0.0", second))
    assert store.resolve("1.0.0") == first
    store.tag("1.0.0", second, force=True)
    assert store.resolve("1.0.0") == second


@pytest.mark.parametrize("name", ["a b", f"sha256-{'0' * 64}", "", "../x"])
def test_what_is_no_tag_for_content_is_refused(registry: EvilRegistry, name: str) -> None:
    store = store_at(registry.host)
    package = manifest(store)

    refused("tag-refused", lambda: store.tag(name, package))


def test_a_blob_gets_no_tag(registry: EvilRegistry) -> None:
    refused("tag-refused", lambda: store_at(registry.host).tag("1.0.0", BLOB))


def test_tags_come_from_every_page() -> None:
    with EvilRegistry(page=2) as registry:
        store = store_at(registry.host)
        package = manifest(store)
        names = [f"1.0.{number}" for number in range(5)]
        for name in names:
            store.tag(name, package)

        assert store.tags() == dict.fromkeys(names, package)


def test_a_tag_and_a_manifest_are_deleted(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    package = manifest(store)
    store.tag("1.0.0", package)
    store.delete("1.0.0")
    refused("content-missing", lambda: store.resolve("1.0.0"))
    assert store.resolve(package.digest) == package
    store.delete(package.digest)

    refused("content-missing", lambda: store.resolve(package.digest))
    refused("content-missing", lambda: store.delete(package.digest))


def test_a_registry_that_deletes_nothing_says_so(registry: EvilRegistry) -> None:
    registry.lie("DELETE", "", lambda asked: asked.reply(405))

    refused("registry-refused", lambda: store_at(registry.host).delete("1.0.0"))


# referrers


def attached(store: RegistryStore, subject: Descriptor, number: int) -> Descriptor:
    return attach(store, subject, b'{"a":%d}' % number, "https://example.com/predicate")


@pytest.mark.parametrize("native", [True, False], ids=["api", "fallback-tag"])
def test_referrers_are_listed(native: bool) -> None:
    with EvilRegistry(referrers=native, page=2) as registry:
        store = store_at(registry.host)
        package = manifest(store)
        made = {attached(store, package, number).digest for number in range(5)}
        found = store_at(registry.host).referrers(package)

        assert {each.digest for each in found} == made
        assert {each.annotations["dev.sigstore.bundle.predicateType"] for each in found} == {
            "https://example.com/predicate"
        }
        assert (fallback_tag(package.digest) in registry.manifests) is not native


def test_to_attach_twice_is_to_attach_once(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)

    assert attached(store, package, 1) == attached(store, package, 1)
    assert len(store.referrers(package)) == 1


def test_the_header_alone_does_not_make_an_api(old: EvilRegistry) -> None:
    """As a registry does that says it processed the subject, and lists nothing."""

    def boast(asked: Asked) -> None:
        old.manifests[asked.path.rpartition("/")[2]] = (
            asked.body,
            asked.headers["Content-Type"],
        )
        asked.reply(201, headers={"OCI-Subject": "sha256:0"})

    store = store_at(old.host)
    package = manifest(store)
    old.lie("PUT", "/manifests/", boast)
    attached(store, package, 1)

    assert len(store.referrers(package)) == 1


def test_the_subject_under_its_own_fallback_tag_is_no_list(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)
    name = fallback_tag(package.digest)
    old.manifests[name] = old.manifests[package.digest]

    assert store.referrers(package) == ()
    attached(store, package, 1)
    assert len(store.referrers(package)) == 1


def test_an_entry_that_another_writer_drops_is_added_again(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)
    attached(store, package, 1)
    name = fallback_tag(package.digest)
    before = old.manifests[name]
    dropped = iter([True, False, True])

    def drop(asked: Asked) -> None:
        """What somebody else wrote comes after what was asked for."""
        asked.honest()
        if next(dropped, False):
            old.manifests[name] = before

    old.lie("PUT", f"/manifests/{name}", drop)
    attached(store, package, 2)

    assert len(store.referrers(package)) == 2


def test_an_entry_that_is_dropped_after_it_was_seen_is_added_again(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)
    attached(store, package, 1)
    name = fallback_tag(package.digest)
    before = old.manifests[name]
    turns = iter(range(100))

    def drop(asked: Asked) -> None:
        """First without the entry, then with it, then without it."""
        if next(turns) == 2:
            old.manifests[name] = before
        asked.honest()

    old.lie("GET", f"/manifests/{name}", drop)
    attached(store, package, 2)

    assert len(store.referrers(package)) == 2


def test_an_entry_that_the_api_forgets_is_put_again(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    package = manifest(store)

    def forget(asked: Asked) -> None:
        asked.reply(201)

    registry.lie("PUT", "/manifests/", forget, times=1)
    attached(store, package, 1)

    assert len(store.referrers(package)) == 1


@pytest.mark.parametrize("native", [True, False], ids=["api", "fallback-tag"])
def test_sixteen_writers_at_once_lose_nothing(native: bool) -> None:
    with EvilRegistry(referrers=native) as registry:
        access = replace(QUICK, total_seconds=60)
        package = manifest(store_at(registry.host, access))

        def run(number: int) -> None:
            attached(RegistryStore(registry.host, "acme/tip", access=access), package, number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(store_at(registry.host).referrers(package)) == 16


def test_a_lost_entry_is_repaired(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)
    first, second = attached(store, package, 1), attached(store, package, 2)
    junk = replace(first, digest=f"sha256:{'0' * 64}")
    name = fallback_tag(package.digest)
    old.manifests[name] = (Index(manifests=(first, junk)).to_bytes(), INDEX_TYPE)

    found = store.repair(package, [second])

    both = tuple(sorted((first, second), key=lambda each: each.digest))
    assert found == both
    assert store_at(old.host).referrers(package) == both
    listed = Index.from_bytes(old.manifests[name][0]).manifests
    assert {each.digest for each in listed} == {first.digest, second.digest}


@pytest.mark.parametrize("native", [True, False])
def test_a_repair_of_much_does_not_take_it_one_by_one(native: bool) -> None:
    with EvilRegistry(referrers=native) as registry:
        store = store_at(registry.host)
        package = manifest(store)
        many = [manifest(store, subject=package, annotations={"n": f"{n}"}) for n in range(20)]
        registry.seen.clear()

        assert len(store_at(registry.host).repair(package)) == len(many)
        looks = [*registry.asked("GET", "/referrers/"), *registry.asked("GET", "/sha256-")]
        assert len(looks) < len(many)


def test_a_damaged_list_is_repaired(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)
    first = attached(store, package, 1)
    old.manifests[fallback_tag(package.digest)] = (b"{", INDEX_TYPE)
    refused("json-malformed", lambda: store.referrers(package))

    assert store.repair(package, [first]) == (first,)
    assert store.referrers(package) == (first,)


def test_a_list_is_taken_over_by_an_api(old: EvilRegistry) -> None:
    store = store_at(old.host)
    package = manifest(store)
    first = attached(store, package, 1)
    listed = old.manifests.pop(first.digest)
    with EvilRegistry() as registry:
        registry.manifests |= old.manifests
        new = store_at(registry.host)
        assert new.referrers(package) == ()
        registry.manifests[first.digest] = listed

        assert new.repair(package) == (first,)
        assert new.referrers(package) == (first,)


# faults


def cut_after(size: int) -> Callable[[Asked], None]:
    def cut(asked: Asked) -> None:
        start = int(asked.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        rest = WASM[start:]
        headers = {"Content-Length": str(len(rest))}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(WASM) - 1}/{len(WASM)}"
        asked.begin(206 if start else 200, headers)
        asked.send(rest[:size])
        asked.hang_up()

    return cut


def test_content_that_is_cut_off_goes_on_where_it_stopped(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    store.put(WASM, BLOB.media_type)
    registry.lie("GET", "/blobs/", cut_after(100_000), times=8)

    assert store.read(BLOB, limit=len(WASM)) == WASM
    assert len(registry.asked("GET", "/blobs/")) == 9


def test_content_that_lacks_only_the_end_of_the_answer_is_whole(registry: EvilRegistry) -> None:
    def endless(asked: Asked) -> None:
        asked.begin(200, {"Transfer-Encoding": "chunked"})
        asked.send(b"%x\r\n%b\r\n" % (len(WASM), WASM))
        asked.hang_up()

    registry.lie("GET", "/blobs/", lambda asked: asked.reply(416))
    registry.lie("GET", "/blobs/", endless, times=1)

    assert store_at(registry.host).read(BLOB, limit=len(WASM)) == WASM
    assert len(registry.asked("GET")) == 1


def test_content_of_a_registry_that_knows_no_ranges_is_skipped(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    store.put(WASM, BLOB.media_type)
    registry.lie("GET", "/blobs/", lambda asked: asked.reply(200, WASM))
    registry.lie("GET", "/blobs/", cut_after(100_000), times=1)

    assert store.read(BLOB, limit=len(WASM)) == WASM


def test_another_part_than_was_asked_for_is_refused(registry: EvilRegistry) -> None:
    store = store_at(registry.host)
    wrong = {"Content-Range": f"bytes 7-{len(WASM) - 1}/{len(WASM)}"}
    registry.lie("GET", "/blobs/", lambda asked: asked.reply(206, WASM[7:], wrong))
    registry.lie("GET", "/blobs/", cut_after(100_000), times=1)

    refused("registry-malformed", lambda: store.read(BLOB, limit=len(WASM)))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(registry: EvilRegistry, status: int) -> None:
    store = store_at(registry.host)
    for method in ("HEAD", "POST", "PUT", "GET"):
        registry.lie(method, "", lambda asked: asked.reply(status), times=2)

    package = manifest(store)
    store.tag("1.0.0", package)
    assert store.tags() == {"1.0.0": package}


def test_the_registry_says_how_long_to_wait(registry: EvilRegistry) -> None:
    waits: list[float] = []
    store = RegistryStore(
        registry.host,
        "acme/tip",
        access=replace(QUICK, total_seconds=10),
        pace=Pace(pause=waits.append),
    )
    registry.lie("GET", "", lambda asked: asked.reply(429, headers={"Retry-After": "7"}), times=1)

    assert store.tags() == {}
    assert waits == [7.0]


def test_a_lost_answer_to_an_upload_is_looked_up(registry: EvilRegistry) -> None:
    def lose(asked: Asked) -> None:
        registry.blobs[BLOB.digest] = asked.body
        asked.hang_up()

    registry.lie("PUT", "/uploads/", lose, times=1)
    store_at(registry.host).put(WASM, BLOB.media_type)

    assert len(registry.asked("PUT")) == 1
    assert len(registry.asked("POST")) == 1


@pytest.mark.parametrize("lie", [hung_up, lambda asked: asked.reply(404)], ids=["cut", "forgotten"])
def test_an_upload_that_failed_begins_anew(
    registry: EvilRegistry, lie: Callable[[Asked], None]
) -> None:
    registry.lie("PUT", "/uploads/", lie, times=1)
    store_at(registry.host).put(WASM, BLOB.media_type)

    assert registry.blobs[BLOB.digest] == WASM
    first, second = registry.asked("PUT")
    assert first.path != second.path


def test_an_upload_that_is_refused_is_not_repeated(registry: EvilRegistry) -> None:
    registry.lie("PUT", "/uploads/", lambda asked: asked.reply(413))

    refused("registry-refused", lambda: store_at(registry.host).put(WASM, BLOB.media_type))
    assert len(registry.asked("PUT")) == 1


# logging in


def logged_in(host: str, **changed: object) -> RegistryStore:
    return store_at(host, replace(with_credential(host), **changed))


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_registry_is_logged_in_to(scheme: str) -> None:
    with EvilRegistry(scheme=scheme) as registry:
        store = logged_in(registry.host)
        package = manifest(store)
        store.tag("1.0.0", package)

        assert logged_in(registry.host).resolve("1.0.0") == package


def test_a_refresh_token_is_changed_for_others() -> None:
    with EvilRegistry(scheme="Bearer") as registry:
        credential = Credential(username="", secret=PASSWORD)
        store = store_at(registry.host, replace(QUICK, credentials={registry.host: credential}))
        package = manifest(store)

        assert store.resolve(package.digest) == package
        assert registry.asked("GET", "/token") == []


def test_a_token_is_asked_for_once_for_each_scope() -> None:
    with EvilRegistry(scheme="Bearer") as registry:
        store = logged_in(registry.host)
        package = manifest(store)
        for _ in range(3):
            store.has(package)
            store.put_manifest(store.read(package, limit=MANIFEST_LIMIT))

        assert len(registry.asked("GET", "/token")) == 2


def test_a_scope_that_was_not_enough_is_widened() -> None:
    """As with a registry that asks for `pull` first, and says `insufficient_scope` later."""
    with EvilRegistry(scheme="Bearer") as registry:
        store = logged_in(registry.host)
        assert not store.has(BLOB)
        store.put(WASM, BLOB.media_type)

        assert sorted(map(sorted, registry.tokens.values())) == [["pull"], ["pull", "push"]]


def test_an_expired_token_is_renewed() -> None:
    with EvilRegistry(scheme="Bearer") as registry:
        store = logged_in(registry.host)
        store.put(WASM, BLOB.media_type)
        registry.tokens.clear()
        registry.tokens["other"] = set()

        assert store.read(BLOB, limit=len(WASM)) == WASM


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_wrong_password_fails_at_once(scheme: str) -> None:
    with EvilRegistry(scheme=scheme) as registry:
        wrong = Credential(username=USER, secret=PASSWORD[1:])
        store = store_at(registry.host, replace(QUICK, credentials={registry.host: wrong}))
        refused("auth-refused", lambda: store.resolve("1.0.0"))

        assert len(registry.seen) <= 3


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_no_password_is_said(scheme: str) -> None:
    with EvilRegistry(scheme=scheme) as registry:
        error = refused("auth-required", lambda: store_at(registry.host).resolve("1.0.0"))

        assert "miniseal login" in (error.hint or "")


def test_what_everybody_may_read_needs_a_token_and_no_password() -> None:
    """As public registries have it."""
    with EvilRegistry() as registry:
        package = manifest(store_at(registry.host))
        registry.scheme = "Bearer"
        registry.tokens["for-everybody"] = {"pull"}
        token = json.dumps({"token": "for-everybody"}).encode()
        registry.lie("GET", "/token", lambda asked: asked.reply(200, token))
        registry.seen.clear()

        assert store_at(registry.host).resolve(package.digest) == package
        assert [each.authorization for each in registry.asked("GET", "/token")] == [None]


def test_a_token_service_on_another_host_may_be_allowed() -> None:
    with (
        EvilRegistry() as service,
        EvilRegistry(scheme="Bearer", realm=f"{service.url}/token") as registry,
    ):
        registry.tokens = service.tokens
        store = logged_in(registry.host, token_hosts=(service.host,))
        store.put(WASM, BLOB.media_type)

        assert store.has(BLOB)


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return certified(tmp_path / "authority.pem")


def certified(path: Path, *, days: int = 1) -> Path:
    """A certificate for 127.0.0.1 that is good for some days, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_a_private_authority_is_trusted_where_it_is_named(authority: Path) -> None:
    with EvilRegistry(certificate=authority) as registry:
        store = store_at(registry.host, replace(QUICK, ca_file=authority))
        package = manifest(store)

        assert store.resolve(package.digest) == package


def test_another_authority_is_not_trusted(authority: Path) -> None:
    with EvilRegistry(certificate=authority) as registry:
        host = f"localhost:{registry.host.partition(':')[2]}"
        store = store_at(host, replace(QUICK, ca_file=authority))

        refused("registry-untrusted", lambda: store.resolve("1.0.0"))
        assert registry.seen == []


def test_a_certificate_of_somebody_else_is_not_trusted(authority: Path, tmp_path: Path) -> None:
    with EvilRegistry(certificate=certified(tmp_path / "other.pem")) as registry:
        store = store_at(registry.host, replace(QUICK, ca_file=authority))

        refused("registry-untrusted", lambda: store.resolve("1.0.0"))
        assert registry.seen == []


def test_a_certificate_of_yesterday_is_not_trusted(tmp_path: Path) -> None:
    old = certified(tmp_path / "old.pem", days=-1)
    with EvilRegistry(certificate=old) as registry:
        store = store_at(registry.host, replace(QUICK, ca_file=old))

        refused("registry-untrusted", lambda: store.resolve("1.0.0"))
        assert registry.seen == []


def test_a_registry_without_tls_is_not_talked_to_where_tls_is_asked_for(
    registry: EvilRegistry, authority: Path
) -> None:
    store = store_at(registry.host, replace(QUICK, ca_file=authority))

    refused("registry-unreachable", lambda: store.resolve("1.0.0"))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    refused("ca-file-invalid", lambda: store_at("registry.example", Access(ca_file=path)))


# commands


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any configuration."""
    folder = tmp_path / "home"
    folder.mkdir()
    folders = ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")
    for name in ("DOCKER_AUTH_CONFIG", *folders):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def log_in(miniseal: Callable[..., Run], host: str, password: str) -> Run:
    return miniseal("login", host, "-u", USER, "--password-stdin", stdin=password)


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_login_is_tried_kept_used_and_forgotten(
    miniseal: Callable[..., Run], home: Path, scheme: str
) -> None:
    with EvilRegistry(scheme=scheme) as registry:
        reference = f"{registry.host}/acme/tip:1.0.0"
        call_miniseal("inspect", reference).refused("auth-required", 2)
        log_in(miniseal, registry.host, f"{PASSWORD}\n").ok()
        path = home / ".docker" / "config.json"
        assert path.stat().st_mode & 0o777 == 0o600
        call_miniseal("inspect", reference).refused("content-missing", 2)
        call_miniseal("logout", registry.host).ok()
        call_miniseal("inspect", reference).refused("auth-required", 2)


def test_a_login_that_fails_is_not_kept(miniseal: Callable[..., Run], home: Path) -> None:
    with EvilRegistry(scheme="Basic") as registry:
        log_in(miniseal, registry.host, "wrong").refused("auth-refused", 2)

        assert not (home / ".docker").exists()


def test_credentials_may_come_from_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    with EvilRegistry(scheme="Basic") as registry, EvilRegistry(scheme="Basic") as other:
        monkeypatch.setenv("MINISEAL_REGISTRY_HOST", registry.host)
        monkeypatch.setenv("MINISEAL_REGISTRY_USER", USER)
        monkeypatch.setenv("MINISEAL_REGISTRY_PASSWORD", PASSWORD)

        call_miniseal("inspect", f"{registry.host}/a/b:1").refused("content-missing", 2)
        call_miniseal("inspect", f"{other.host}/a/b:1").refused("auth-required", 2)


def test_credentials_may_be_a_configuration_in_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    with EvilRegistry(scheme="Basic") as registry, EvilRegistry(scheme="Basic") as other:
        pair = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        config = {"auths": {registry.host: {"auth": pair}}}
        monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps(config))

        call_miniseal("inspect", f"{registry.host}/a/b:1").refused("content-missing", 2)
        call_miniseal("inspect", f"{other.host}/a/b:1").refused("auth-required", 2)


def test_credentials_without_a_registry_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.setenv("MINISEAL_REGISTRY_PASSWORD", PASSWORD)

    run = call_miniseal("inspect", "127.0.0.1:9/a/b:1")
    run.refused("credentials-incomplete", 2)
    assert PASSWORD not in run.stdout


def test_tls_is_asked_for_by_a_ca_file(authority: Path, home: Path) -> None:
    del home
    with EvilRegistry(certificate=authority) as registry:
        reference = f"{registry.host}/a/b:1"
        call_miniseal("inspect", reference, "--ca-file", authority).refused("content-missing", 2)
