import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from miniseal.formats.purl import PackageUrl


def read(text: str) -> PackageUrl:
    url = PackageUrl.parse(text)
    assert url is not None
    return url


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pkg:npm/minimist@1.2.5", ("npm", "", "minimist", "1.2.5")),
        ("pkg:npm/%40angular/core@12.3.1", ("npm", "@angular", "core", "12.3.1")),
        ("pkg:npm/@angular/core", ("npm", "@angular", "core", None)),
        ("PKG:NPM/a@1", ("npm", "", "a", "1")),
        ("pkg://npm/a", ("npm", "", "a", None)),
        ("pkg:pypi/Django_x.y@1.0%2Blocal", ("pypi", "", "django-x-y", "1.0+local")),
        ("pkg:golang/github.com/Acme/Tip@v1.0.0", ("golang", "github.com/acme", "tip", "v1.0.0")),
        ("pkg:oci/tip@sha256%3Aab", ("oci", "", "tip", "sha256:ab")),
        ("pkg:cargo/time@0.1.45", ("cargo", "", "time", "0.1.45")),
        ("pkg:npm/a@", ("npm", "", "a", None)),
        ("pkg:generic/a@release/1.0", ("generic", "", "a", "release/1.0")),
    ],
)
def test_a_package_url_is_read(text: str, parts: tuple[str, str, str, str | None]) -> None:
    url = read(text)

    assert (url.type, url.namespace, url.name, url.version) == parts


def test_qualifiers_and_subpath_are_read() -> None:
    url = read("pkg:deb/debian/curl@7?Arch=amd64&distro=&x=a%20b#/./lib/../c%2B/")

    assert url.qualifiers == {"arch": "amd64", "x": "a b"}
    assert url.subpath == "lib/c+"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "npm/a@1",
        "pkg:",
        "pkg:npm",
        "pkg:npm/",
        "pkg:1npm/a",
        "https://a/b",
        "pkg:n/" + "a" * 5000,
    ],
)
def test_other_text_is_none(text: str) -> None:
    assert PackageUrl.parse(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pkg:npm/a", "pkg:npm/a@1"),
        ("pkg:npm/a@1", "pkg:npm/a@1"),
        ("pkg:npm/a@1", "pkg:npm/a@1?os=linux#lib"),
        ("pkg:deb/d/c@7?arch=amd64", "pkg:deb/d/c@7?distro=x&arch=amd64"),
        ("pkg:pypi/A_b@1", "pkg:pypi/a-b@1"),
        ("pkg:npm/%40s/a@1", "pkg:npm/@s/a@1"),
    ],
)
def test_it_covers_what_says_all_that_it_says(one: str, other: str) -> None:
    assert read(one).covers(read(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pkg:npm/a@1", "pkg:npm/a"),
        ("pkg:npm/a@1", "pkg:npm/a@1.0"),
        ("pkg:npm/a@1", "pkg:npm/b@1"),
        ("pkg:npm/a@1", "pkg:npm/A@1"),
        ("pkg:npm/a@1", "pkg:pypi/a@1"),
        ("pkg:npm/%40s/a@1", "pkg:npm/a@1"),
        ("pkg:deb/d/c@7?arch=amd64", "pkg:deb/d/c@7?arch=arm64"),
        ("pkg:deb/d/c@7?arch=amd64", "pkg:deb/d/c@7"),
        ("pkg:npm/a@1#lib", "pkg:npm/a@1"),
        ("pkg:npm/%ff", "pkg:npm/%fe"),
    ],
)
def test_it_covers_nothing_else(one: str, other: str) -> None:
    assert not read(one).covers(read(other))


PART = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)
SEGMENT = PART.filter(lambda text: "/" not in text)


@settings(max_examples=200, deadline=None)
@given(SEGMENT, SEGMENT, PART, st.dictionaries(st.sampled_from(["arch", "os"]), PART))
def test_what_the_packageurl_library_writes_is_read(
    namespace: str, name: str, version: str, qualifiers: dict[str, str]
) -> None:
    written = PackageURL("cargo", namespace, name, version, qualifiers).to_string()

    url = PackageUrl.parse(written)

    again = PackageURL.from_string(written)
    assert url is not None
    assert (url.namespace or None, url.name, url.version) == (
        again.namespace,
        again.name,
        again.version,
    )
    assert dict(url.qualifiers) == again.qualifiers
    assert url.covers(url)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_read_or_not(text: str) -> None:
    for each in (text, f"pkg:{text}", f"pkg:npm/{text}"):
        url = PackageUrl.parse(each)
        assert url is None or url.covers(url)
