"""Our own client does all that a store does, on every registry."""

import json
import random
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from kit.registry_clients import Clients
from kit.registry_contents import attach_note, content, publish
from kit.registry_files import Authority
from kit.registry_hosts import HOSTS, PASSWORD, USER, Host, Registries
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.registry import Credential, LayoutStore
from miniseal.registry.referrers import fallback_tag
from miniseal.registry.remote import RegistryStore

SECURE = [host.name for host in HOSTS.values() if host.secure]
SEVERAL_CHUNKS = 3_000_001


def large() -> bytes:
    return random.Random(6).randbytes(SEVERAL_CHUNKS)  # noqa: S311 - content, not a secret


class TestContent:
    def test_a_blob_there_and_back(self, store: RegistryStore) -> None:
        data = large()
        blob = Descriptor.of(data, "application/octet-stream")
        assert not store.has(blob)

        assert store.put(data, blob.media_type) == blob
        assert store.put(data, blob.media_type) == blob

        assert store.has(blob)
        with store.stream(blob) as chunks:
            assert b"".join(chunks) == data
        assert store.read(blob, limit=blob.size) == data

    def test_what_is_not_there(self, store: RegistryStore) -> None:
        missing = Descriptor.of(b"missing", "text/plain")
        publish(store, "other")

        assert not store.has(missing)
        with pytest.raises(MinisealError) as error:
            store.read(missing, limit=100)
        assert error.value.code == "content-missing"
        with pytest.raises(MinisealError) as error:
            store.resolve("1.0.0")
        assert error.value.code == "content-missing"

    def test_wrong_content_is_not_stored(self, store: RegistryStore, tmp_path: Path) -> None:
        layout = LayoutStore(tmp_path / "layout")
        promised = layout.put(b"right", "text/plain")
        (tmp_path / "layout" / "blobs" / "sha256" / promised.digest[7:]).write_bytes(b"wrong")

        with pytest.raises(MinisealError) as error:
            store.put_stream(promised, lambda: layout.stream(promised))

        assert error.value.code == "digest-mismatch"
        assert not store.has(promised)

    def test_a_blob_of_another_repository(
        self, store: RegistryStore, host: Host, registries: Registries
    ) -> None:
        access = registries.access(host)
        other = RegistryStore(host.address, f"{store.repository}-other", access=access)
        blob = store.put(large(), "application/octet-stream")

        mounted = other.mount(blob, store.repository)

        assert mounted
        assert other.read(blob, limit=blob.size) == large()


class TestNames:
    def test_a_tag(self, store: RegistryStore) -> None:
        package = publish(store, "one", "1.0.0")

        store.tag("1.0.0", package)
        store.tag("latest", package)

        assert store.resolve("1.0.0") == store.resolve(package.digest)
        assert {name: found.digest for name, found in store.tags().items()} == {
            "1.0.0": package.digest,
            "latest": package.digest,
        }
        assert len(content(store, package.digest)) == 3

    def test_a_tag_stays_unless_it_is_forced(self, store: RegistryStore) -> None:
        publish(store, "one", "1.0.0")
        other = publish(store, "two")

        with pytest.raises(MinisealError) as error:
            store.tag("1.0.0", other)
        assert error.value.code == "tag-exists"
        store.tag("1.0.0", other, force=True)
        assert store.resolve("1.0.0").digest == other.digest

    def test_many_tags(self, store: RegistryStore) -> None:
        package = publish(store, "one")
        names = {f"1.0.{number}" for number in range(12)}
        for name in names:
            store.tag(name, package)

        assert store.tags().keys() == names


class TestReferrers:
    def test_each_is_found(self, store: RegistryStore, host: Host, clients: Clients) -> None:
        package = publish(store, "one", "1.0.0")
        attached = [attach_note(store, package, text) for text in ("a", "b", "c")]

        found = store.referrers(package)

        assert sorted(each.digest for each in attached) == [each.digest for each in found]
        assert {each.artifact_type for each in found} == {attached[0].artifact_type}
        tags = clients.crane("ls", f"{host.address}/{store.repository}").ok().split()
        assert (fallback_tag(package.digest) in tags) is not host.referrers
        assert store.tags().keys() == {"1.0.0"}

    def test_attached_twice_is_attached_once(self, store: RegistryStore) -> None:
        package = publish(store, "one")
        attach_note(store, package, "a")
        attach_note(store, package, "a")

        assert len(store.referrers(package)) == 1

    def test_none_without_any(self, store: RegistryStore) -> None:
        assert store.referrers(publish(store, "one")) == ()

    def test_before_the_subject(self, store: RegistryStore) -> None:
        """As a copy does that moves the package last."""
        config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
        later = Manifest(config=config, layers=()).to_bytes()
        subject = Descriptor.of(later, "application/vnd.oci.image.manifest.v1+json")
        note = Manifest(artifact_type="a/b", config=config, layers=(), subject=subject)

        store.put_manifest(note.to_bytes())
        store.put_manifest(later)

        assert len(store.referrers(subject)) == 1


@pytest.mark.parametrize("host", SECURE, indirect=True)
class TestDoors:
    def test_a_wrong_password(self, registries: Registries, host: Host, repository: str) -> None:
        wrong = Credential(username=USER, secret="wrong")  # noqa: S106 - that is the point
        access = replace(registries.access(host), credentials={host.address: wrong})
        store = RegistryStore(host.address, repository, access=access)

        with pytest.raises(MinisealError) as error:
            store.put(b"content", "text/plain")

        assert error.value.code == "auth-refused"

    def test_no_password(self, registries: Registries, host: Host, repository: str) -> None:
        access = replace(registries.access(host), auth_files=())
        store = RegistryStore(host.address, repository, access=access)

        with pytest.raises(MinisealError) as error:
            store.put(b"content", "text/plain")

        assert error.value.code == "auth-required"

    def test_a_certificate_of_a_stranger(
        self, registries: Registries, host: Host, repository: str, tmp_path: Path
    ) -> None:
        Authority().write(tmp_path)
        access = replace(registries.access(host), ca_file=tmp_path / "ca.pem")
        store = RegistryStore(host.address, repository, access=access)

        with pytest.raises(MinisealError) as error:
            store.put(b"content", "text/plain")

        assert error.value.code == "registry-untrusted"


@pytest.mark.parametrize("host", ["tokens"], indirect=True)
class TestTokens:
    def test_each_is_asked_for_what_is_done(
        self, store: RegistryStore, registries: Registries
    ) -> None:
        registries.tokens.asked.clear()
        missing = Descriptor.of(b"missing", "text/plain")

        store.has(missing)
        reading = [scope for each in registries.tokens.asked for scope in each.scopes]
        publish(store, "one")
        every = {scope for each in registries.tokens.asked for scope in each.scopes}

        name = f"repository:{store.repository}"
        assert set(reading) == {f"{name}:pull"}
        assert every == {f"{name}:pull", f"{name}:pull,push"}
        assert len(registries.tokens.asked) == 2

    def test_a_service_elsewhere_gets_nothing(
        self, registries: Registries, host: Host, repository: str
    ) -> None:
        registries.tokens.asked.clear()
        access = replace(registries.access(host), token_hosts=())
        store = RegistryStore(host.address, repository, access=access)

        with pytest.raises(MinisealError) as error:
            store.put(b"content", "text/plain")

        assert error.value.code == "redirect-refused"
        assert registries.tokens.asked == []

    def test_a_refresh_token(self, registries: Registries, host: Host, repository: str) -> None:
        registries.tokens.asked.clear()
        refresh = Credential(username="", secret=registries.tokens.refresh_token)
        access = replace(registries.access(host), credentials={host.address: refresh})

        publish(RegistryStore(host.address, repository, access=access), "one")

        assert {each.by for each in registries.tokens.asked} == {"refresh"}

    def test_one_that_ends_early_is_got_anew(
        self, store: RegistryStore, registries: Registries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registries.tokens.asked.clear()
        leeway = 60  # of the registry
        monkeypatch.setattr(registries.tokens, "life_seconds", 2 - leeway)
        store.put(b"one", "text/plain")
        first = len(registries.tokens.asked)
        monkeypatch.undo()

        time.sleep(3)
        store.put(b"two", "text/plain")

        assert len(registries.tokens.asked) > first

    def test_one_that_never_serves_is_an_error(
        self, store: RegistryStore, registries: Registries, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registries.tokens.asked.clear()
        monkeypatch.setattr(registries.tokens, "life_seconds", -3600)

        with pytest.raises(MinisealError) as error:
            store.put(b"one", "text/plain")

        assert error.value.code == "auth-refused"
        assert len(registries.tokens.asked) <= 3


@pytest.mark.parametrize("host", ["debian"], indirect=True)
def test_a_password_from_a_file_of_docker_alone(
    host: Host, registries: Registries, repository: str, tmp_path: Path
) -> None:
    """Members as `docker login` writes them, for a URL."""
    auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": {f"https://{host.address}/v2/": {"auth": auth}}}))
    access = replace(registries.access(host), auth_files=(path,))

    publish(RegistryStore(host.address, repository, access=access), "one", "1")
