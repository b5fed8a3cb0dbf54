import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from miniseal.formats.errors import MinisealError
from miniseal.registry import Access
from miniseal.registry.remote.origin import Origin, check_realm, check_redirect, resolve

NAMED = Origin.of_url("https://registry.example.com")
LOCAL = Origin.of_url("http://127.0.0.1:5000")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("registry.example.com", "https://registry.example.com"),
        ("registry.example.com:5000", "https://registry.example.com:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("192.168.1.2:5000", "https://192.168.1.2:5000"),
        ("127.0.0.1.example.com", "https://127.0.0.1.example.com"),
        ("localhost.example.com", "https://localhost.example.com"),
        ("docker.io", "https://registry-1.docker.io"),
    ],
)
def test_a_registry_speaks_tls_unless_it_is_on_loopback(host: str, url: str) -> None:
    assert str(Origin.of_registry(host, Access())) == url


def test_a_registry_that_is_named_speaks_plain_http() -> None:
    access = Access(plain_http=("registry.example.com:5000",))

    assert Origin.of_registry("registry.example.com:5000", access).scheme == "http"
    assert Origin.of_registry("registry.example.com", access).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https:///path",
        "https://user@example.com/",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://[::/",
        "https://exämple.com/",
        "https://evil.example\\.example.com/",
        "https://evil.example\\@example.com/",
        "https://evil.example%2eexample.com/",
        "https://evil.example[::1]/",
        "https://[::1]example.com/",
        "https://[::1%25lo]/",
        "//example.com/",
        f"https://example.com/{'x' * 8192}",
    ],
)
def test_what_is_no_url_for_a_registry_is_refused(url: str) -> None:
    with pytest.raises(MinisealError) as error:
        Origin.of_url(url)

    assert error.value.code == "registry-malformed"


@pytest.mark.parametrize(
    "location",
    ["/v2/x", "x?a=b", "https://registry.example.com/x", "https://REGISTRY.example.com:443/x"],
)
def test_a_place_at_the_same_origin_is_gone_to(location: str) -> None:
    found = resolve("https://registry.example.com/v2/", location, "upload")

    assert Origin.of_url(found) == NAMED


@pytest.mark.parametrize(
    "location",
    [
        "http://registry.example.com/x",
        "https://registry.example.com:444/x",
        "https://example.com/x",
        "//evil.example/x",
        "https://registry.example.com.evil.example/x",
    ],
)
def test_a_place_at_another_origin_is_refused(location: str) -> None:
    with pytest.raises(MinisealError) as error:
        resolve("https://registry.example.com/v2/", location, "upload")

    assert error.value.code == "redirect-refused"


@pytest.mark.parametrize(
    ("registry", "location"),
    [
        (NAMED, "https://storage.example.net/x?signature=y"),
        (NAMED, "/elsewhere"),
        (LOCAL, "http://127.0.0.1:9000/x"),
        (LOCAL, "https://storage.example.net/x"),
    ],
)
def test_content_is_followed_by_tls_and_on_loopback(registry: Origin, location: str) -> None:
    assert check_redirect(registry, f"{registry}/v2/", location)


@pytest.mark.parametrize(
    ("registry", "location"),
    [
        (NAMED, "http://storage.example.net/x"),
        (NAMED, "http://127.0.0.1:9000/x"),
        (LOCAL, "http://storage.example.net/x"),
    ],
)
def test_content_is_not_followed_out_of_tls(registry: Origin, location: str) -> None:
    with pytest.raises(MinisealError) as error:
        check_redirect(registry, f"{registry}/v2/", location)

    assert error.value.code == "redirect-refused"


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("https://registry.example.com", "https://registry.example.com/token"),
        ("https://registry.example.com", "https://gitlab.example.com/jwt/auth"),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
        ("https://registry-1.docker.io", "https://auth.docker.io/token"),
        ("https://a.example.co.uk", "https://b.example.co.uk/token"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/token"),
    ],
)
def test_a_token_service_of_the_same_domain_is_trusted(registry: str, realm: str) -> None:
    assert check_realm(Origin.of_url(registry), realm, ()) == realm


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("https://registry.example.com", "http://registry.example.com/token"),
        ("https://registry.example.com", "https://evil.example/token"),
        ("https://registry.example.com", "https://example.com.evil.example/token"),
        ("https://registry.example.com", "https://192.0.2.1/token"),
        ("https://192.0.2.1", "https://192.0.2.1:8443/token"),
        ("https://192.0.2.1", "https://192.0.2.2/token"),
        ("https://a.co.uk", "https://b.co.uk/token"),
        ("https://registry:5000", "https://other:5000/token"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token"),
        ("http://127.0.0.1:5000", "http://localhost:5000/token"),
        ("http://registry.example.com", "http://auth.example.com/token"),
    ],
)
def test_a_token_service_elsewhere_is_refused(registry: str, realm: str) -> None:
    with pytest.raises(MinisealError) as error:
        check_realm(Origin.of_url(registry), realm, ())

    assert error.value.code == "redirect-refused"


@pytest.mark.parametrize(
    ("registry", "realm", "allowed"),
    [
        (NAMED, "https://tokens.example.net/token", "tokens.example.net"),
        (NAMED, "https://tokens.example.net:8443/token", "tokens.example.net:8443"),
        (LOCAL, "http://127.0.0.1:5001/token", "127.0.0.1:5001"),
    ],
)
def test_a_token_service_may_be_allowed(registry: Origin, realm: str, allowed: str) -> None:
    assert check_realm(registry, realm, (allowed,)) == realm


@pytest.mark.parametrize(
    ("registry", "realm", "allowed"),
    [
        (NAMED, "https://tokens.example.net:8443/token", "tokens.example.net"),
        (NAMED, "http://tokens.example.net/token", "tokens.example.net"),
        (NAMED, "http://127.0.0.1:5001/token", "127.0.0.1:5001"),
    ],
)
def test_what_is_allowed_is_one_origin_by_tls(registry: Origin, realm: str, allowed: str) -> None:
    with pytest.raises(MinisealError) as error:
        check_realm(registry, realm, (allowed,))

    assert error.value.code == "redirect-refused"


@pytest.mark.parametrize(
    "location",
    ["http://192.0.2.1/?X-Signature=hush", "https://user:hush@192.0.2.1/", "http://x/#hush"],
)
def test_an_error_does_not_show_the_key_to_a_place(location: str) -> None:
    with pytest.raises(MinisealError) as error:
        check_redirect(NAMED, "https://registry.example.com/v2/", location)

    assert "hush" not in str(error.value)


@settings(max_examples=500, deadline=None)
@given(st.text("ab.:/@\\#?[]%01~;", max_size=12))
def test_who_is_checked_is_who_is_asked(rest: str) -> None:
    url = f"https://{rest}"
    try:
        origin = Origin.of_url(url)
    except MinisealError:
        return
    asked = parse_url(url)
    assert origin.host == (asked.host or "").strip("[]")
    assert origin.port == (asked.port or 443)


@pytest.mark.parametrize(
    "realm",
    ["https://evil.example\\.example.com/token", "https://evil.example\\@registry.example.com/"],
)
def test_a_token_service_that_parsers_disagree_about_is_refused(realm: str) -> None:
    with pytest.raises(MinisealError) as error:
        check_realm(NAMED, realm, ())

    assert error.value.code == "registry-malformed"
