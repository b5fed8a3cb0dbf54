import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.digest import check_content, check_digest, sha256
from miniseal.formats.errors import FormatError, VerificationError

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_digest_of_nothing_is_the_well_known_one() -> None:
    assert sha256(b"") == EMPTY


def test_a_well_formed_digest_is_returned() -> None:
    assert check_digest(EMPTY) == EMPTY


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        EMPTY.encode(),
        "",
        "sha256:",
        EMPTY.upper(),
        EMPTY.replace("e3b0", "E3B0"),
        EMPTY[:-1],
        EMPTY + "0",
        EMPTY + "\n",
        f" {EMPTY}"[:71],
        EMPTY.replace("sha256", "sha512"),
        EMPTY.removeprefix("sha256:"),
        "sha256:../../../../../../../../../../../../../../../../../../../etc/pas",
        "sha256:" + "\u0661" * 64,
        "sha256:" + "\uff10" * 64,
        [EMPTY],
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(FormatError, match="malformed digest") as error:
        check_digest(value)

    assert error.value.code == "digest-malformed"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"sha256:[0-9a-f]{60,68}", fullmatch=True))
def test_only_64_lower_case_digits_pass(text: str) -> None:
    hexadecimal = text.removeprefix("sha256:")
    proper = text == f"sha256:{hexadecimal}" and len(hexadecimal) == 64

    if proper and set(hexadecimal) <= set("0123456789abcdef"):
        assert check_digest(text) == text
    else:
        with pytest.raises(FormatError):
            check_digest(text)


def test_content_with_its_size_and_digest_is_returned() -> None:
    assert check_content(b"", EMPTY, 0, "blob") == b""


def test_content_of_another_size_is_refused() -> None:
    with pytest.raises(VerificationError, match="blob has the wrong size") as error:
        check_content(b"x", EMPTY, 0, "blob")

    assert error.value.code == "digest-mismatch"
    assert error.value.found == "1 bytes"


def test_content_of_another_digest_is_refused() -> None:
    with pytest.raises(VerificationError, match="blob has the wrong digest") as error:
        check_content(b"x", sha256(b"y"), 1, "blob")

    assert error.value.code == "digest-mismatch"
    assert error.value.expected == sha256(b"y")
