"""Every way out for a credential: a canary that is found nowhere but where it belongs.

The registry points to somebody else in each of its answers that may point anywhere; the other one
asks for credentials. Passwords, refresh tokens and tokens all have the canary in them.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import pytest

from kit.evilregistry import PASSWORD, QUICK, USER, Asked, EvilRegistry, store_at
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
from miniseal.registry import Credential, attach
from miniseal.registry.remote import RegistryStore, login
from miniseal.registry.remote.retries import Pace

BLOB = Descriptor.of(b"wasm", "application/wasm")
LIST = canonical({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []})
CREDENTIALS = {
    "Basic": Credential(username=USER, secret=PASSWORD),
    "Bearer": Credential(username=USER, secret=PASSWORD),
    "Refresh": Credential(username="", secret=PASSWORD),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A registry that wants credentials, the client's store in it, and somebody else's server."""

    registry: EvilRegistry
    elsewhere: EvilRegistry
    store: RegistryStore
    package: Descriptor
    credential: Credential


@pytest.fixture(params=CREDENTIALS)
def scene(request: pytest.FixtureRequest) -> Generator[Scene]:
    scheme = "Basic" if request.param == "Basic" else "Bearer"
    with EvilRegistry(scheme=scheme) as registry, EvilRegistry() as elsewhere:
        credential = CREDENTIALS[request.param]
        access = replace(QUICK, credentials={registry.host: credential}, attempts=2)
        first = store_at(registry.host, access)
        first.put(b"wasm", BLOB.media_type)
        package = first.put_manifest(manifest(first))
        first.tag("1.0.0", package)
        registry.seen.clear()
        challenge = {"WWW-Authenticate": f"Basic, {bearer(elsewhere.url)['WWW-Authenticate']}"}
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            elsewhere.lie(method, "/", lambda asked: asked.reply(401, headers=challenge))
        yield Scene(
            registry=registry,
            elsewhere=elsewhere,
            store=store_at(registry.host, access),
            package=package,
            credential=credential,
        )
        assert any(each.holds(PASSWORD) for each in registry.seen), "the canary is dead"


def manifest(store: RegistryStore, **annotations: str) -> bytes:
    config = store.put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE)
    return Manifest(config=config, layers=(BLOB,), annotations=annotations).to_bytes()


def bearer(there: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="{there}/token",service="x"'}


def to_who_is_known(how: "Answer", there: str) -> Callable[[Asked], object]:
    """Lie only to who has shown a credential: there is one now to be told on."""
    return lambda asked: how(asked, there) if asked.headers.get("Authorization") else asked.honest()


def errors_of(act: Callable[[Scene], object], scene: Scene) -> str:
    """What is raised, with all that it comes from."""
    found: list[BaseException] = []
    try:
        act(scene)
    except MinisealError as error:
        found.append(error)
        while cause := found[-1].__cause__ or found[-1].__context__:
            found.append(cause)
    return "".join(f"{each} {each!r}" for each in found)


USES: dict[str, tuple[str, str, Callable[[Scene], object]]] = {
    "read-blob": ("GET", "/blobs/", lambda s: s.store.read(BLOB, limit=9)),
    "has-blob": ("HEAD", "/blobs/", lambda s: s.store.has(BLOB)),
    "read-manifest": (
        "GET",
        "/manifests/",
        lambda s: s.store.read(s.package, limit=MANIFEST_LIMIT),
    ),
    "has-manifest": ("HEAD", "/manifests/", lambda s: s.store.has(s.package)),
    "resolve": ("GET", "/manifests/", lambda s: s.store.resolve("1.0.0")),
    "tags": ("GET", "/tags/", lambda s: s.store.tags()),
    "referrers": ("GET", "/referrers/", lambda s: s.store.referrers(s.package)),
    "begin-upload": ("POST", "/uploads/", lambda s: s.store.put(b"new", "a/b")),
    "upload": ("PUT", "/uploads/", lambda s: s.store.put(b"new", "a/b")),
    "mount": (
        "POST",
        "/uploads/",
        lambda s: s.store.mount(replace(BLOB, digest=f"sha256:{'0' * 64}"), "acme/other"),
    ),
    "put": ("PUT", "/manifests/", lambda s: s.store.put_manifest(manifest(s.store, a="b"))),
    "tag": ("PUT", "/manifests/", lambda s: s.store.tag("2.0.0", s.package)),
    "attach": ("PUT", "/manifests/", lambda s: attach(s.store, s.package, b"{}", "x")),
    "delete": ("DELETE", "/manifests/", lambda s: s.store.delete("1.0.0")),
    "login": (
        "GET",
        "/v2/",
        lambda s: login.check(s.registry.host, s.credential, QUICK, Pace(pause=lambda _: None)),
    ),
}
Answer = Callable[[Asked, str], object]
"""To a request, by a registry that knows where somebody else is."""
WAYS: dict[str, Answer] = {
    "redirect": lambda asked, there: asked.reply(307, headers={"Location": there + asked.target}),
    "redirect-for-good": lambda asked, there: asked.reply(
        301, headers={"Location": there + asked.target, "Set-Cookie": f"a={PASSWORD}; Path=/"}
    ),
    "location": lambda asked, there: asked.reply(
        202 if asked.method in {"POST", "DELETE"} else 201, headers={"Location": f"{there}/x"}
    ),
    "list": lambda asked, there: asked.reply(
        200,
        b'{"tags":[]}' if "/tags/" in asked.target else LIST,
        {"Content-Type": INDEX_TYPE, "Link": f'<{there}/x>; rel="next"'},
    ),
    "refresh": lambda asked, there: asked.reply(
        200, b"{}", {"Content-Type": MANIFEST_TYPE, "Refresh": f"0; url={there}/"}
    ),
    "bearer": lambda asked, there: asked.reply(401, headers=bearer(there)),
    "bearer-forbidden": lambda asked, there: asked.reply(403, headers=bearer(there)),
    "bearer-of-another-name": lambda asked, there: asked.reply(
        401, headers=bearer(there.replace("127.0.0.1", "localhost"))
    ),
    "basic-and-a-place": lambda asked, there: asked.reply(
        401, headers={"Location": there, "WWW-Authenticate": 'Basic realm="x"'}
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_answer_takes_a_credential_elsewhere(scene: Scene, way: str) -> None:
    for use, (method, path, act) in USES.items():
        scene.registry.lie(method, path, to_who_is_known(WAYS[way], scene.elsewhere.url))
        errors = errors_of(act, scene)
        scene.registry.be_honest()

        told = [each.path for each in scene.elsewhere.seen if each.holds(PASSWORD)]
        assert told == [], f"the canary got out by {use}"
        assert PASSWORD not in errors, f"an error of {use} shows the canary"
