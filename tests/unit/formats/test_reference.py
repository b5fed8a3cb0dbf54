import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_reference import fuzz_one
from miniseal.formats.errors import UsageError
from miniseal.formats.reference import Reference, is_tag

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "transport", "location", "tag", "digest"),
    [
        ("registry.example/acme/tip", "registry", "registry.example/acme/tip", None, None),
        ("registry.example/tip:1.2.3", "registry", "registry.example/tip", "1.2.3", None),
        ("localhost:5000/tip:a", "registry", "localhost:5000/tip", "a", None),
        ("localhost/tip", "registry", "localhost/tip", None, None),
        ("buildbox:5000/tip", "registry", "buildbox:5000/tip", None, None),
        ("[::1]:5000/tip", "registry", "[::1]:5000/tip", None, None),
        (f"r.example/t:1@{DIGEST}", "registry", "r.example/t", "1", DIGEST),
        (f"r.example/t@{DIGEST}", "registry", "r.example/t", None, DIGEST),
        (
            "r.example/a_b/c__d/e-f/g---h/i.j",
            "registry",
            "r.example/a_b/c__d/e-f/g---h/i.j",
            None,
            None,
        ),
        ("oci:out", "oci", "out", None, None),
        ("oci:out:1.2.3-wasm", "oci", "out", "1.2.3-wasm", None),
        ("oci:/srv/a b/out:1", "oci", "/srv/a b/out", "1", None),
        (f"oci:../out@{DIGEST}", "oci", "../out", None, DIGEST),
        ("oci:/home/a@b/out:1", "oci", "/home/a@b/out", "1", None),
        (f"oci-archive:app.tar:1@{DIGEST}", "oci-archive", "app.tar", "1", DIGEST),
    ],
)
def test_a_reference_is_taken_apart(
    text: str, transport: str, location: str, tag: str | None, digest: str | None
) -> None:
    reference = Reference.parse(text)

    assert reference.transport == transport
    assert reference.location == location
    assert (reference.tag, reference.digest) == (tag, digest)
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tip",
        "tip:1.2.3",
        "acme/tip",
        "registry.example",
        "registry.example/",
        "registry.example/Tip",
        "registry.example/tip:",
        "registry.example/tip:a:b",
        "registry.example/tip:-a",
        "registry.example/tip:" + "a" * 129,
        "registry.example//tip",
        "registry.example/../tip",
        "registry.example/tip/",
        "registry.example/a___b",
        "registry.example/a..b",
        "https://registry.example/tip",
        "registry.example:port/tip",
        "registry.example:123456/tip",
        "user:password@registry.example/tip",
        "registry.example/tip\n",
        "registry.example/tip:1\n",
        " registry.example/tip",
        "oci:",
        "oci::tag",
        "oci:out:",
        "oci:out:-tag",
        "oci:out:a b",
        "oci:a:b:c",
        "oci:a\0b",
        "oci-archive:",
    ],
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        Reference.parse(text)

    assert error.value.code == "reference-malformed"


def test_a_malformed_reference_says_what_was_found() -> None:
    with pytest.raises(UsageError, match="malformed reference") as error:
        Reference.parse("tip:1.2.3")

    assert error.value.code == "reference-malformed"
    assert error.value.found == "'tip:1.2.3'"


@pytest.mark.parametrize(
    "digest", ["", "sha256:00", "sha512:" + "0" * 128, f"{DIGEST}@{DIGEST}", f"{DIGEST}:tag"]
)
def test_a_malformed_digest_is_refused(digest: str) -> None:
    with pytest.raises(UsageError) as error:
        Reference.parse(f"oci:out:1@{digest}")

    assert error.value.code == "reference-malformed"


def test_another_tag_takes_the_place_of_tag_and_digest() -> None:
    reference = Reference.parse(f"oci:out:1@{DIGEST}")

    assert str(reference.at(tag="2")) == "oci:out:2"


def test_another_digest_takes_the_place_of_tag_and_digest() -> None:
    reference = Reference.parse("r.example/tip:1")

    assert str(reference.at(digest=DIGEST)) == f"r.example/tip@{DIGEST}"


@pytest.mark.parametrize("text", ["1.2.3", "_", "a" * 128, "1.2.3-wasm"])
def test_a_tag_is_recognised(text: str) -> None:
    assert is_tag(text)


@pytest.mark.parametrize("text", ["", ".a", "-a", "a b", "a/b", "a\n", "é", "a" * 129, "a+b"])
def test_what_is_no_tag_is_not(text: str) -> None:
    assert not is_tag(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text(alphabet="abA01:/@.-_[]", max_size=40))
def test_text_from_outside_is_read_or_refused(text: str) -> None:
    fuzz_one(text.encode("utf-8", "replace"))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["oci:", "oci-archive:", "r.example/"]),
    st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}", fullmatch=True),
    st.none() | st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,10}", fullmatch=True),
    st.booleans(),
)
def test_a_reference_reads_back(start: str, path: str, tag: str | None, pinned: bool) -> None:
    text = f"{start}{path}{f':{tag}' if tag else ''}{f'@{DIGEST}' if pinned else ''}"

    assert str(Reference.parse(text)) == text


def test_a_long_repository_is_matched_in_linear_time() -> None:
    with pytest.raises(UsageError) as error:
        Reference.parse("r.example/" + "a-" * 100_000 + "!")

    assert error.value.code == "reference-malformed"
