import copy

import pytest

from miniseal.formats.errors import (
    Code,
    EnvironmentalError,
    FormatError,
    MinisealError,
    UsageError,
    VerificationError,
)

CODE = Code("too-odd", FormatError, meaning="it is odd", cause="somebody", remedy="make it even")


@pytest.mark.parametrize(
    ("family", "exit_code"),
    [(UsageError, 2), (FormatError, 1), (VerificationError, 1), (EnvironmentalError, 2)],
)
def test_each_family_has_its_exit_code(family: type[MinisealError], exit_code: int) -> None:
    error = Code("x", family, meaning="m", cause="c", remedy="r")("message")

    assert type(error) is family
    assert error.exit_code == exit_code


def test_an_error_reads_as_message_found_expected_and_code() -> None:
    error = CODE("number is odd", found="3", expected="2")

    assert str(error) == "number is odd (found 3, expected 2) [too-odd]"


def test_an_error_without_details_reads_as_message_and_code() -> None:
    assert str(CODE("number is odd")) == "number is odd [too-odd]"


def test_an_empty_detail_is_still_told() -> None:
    assert str(CODE("name is empty", found="")) == "name is empty (found ) [too-odd]"


def test_the_remedy_is_the_hint_where_an_error_brings_none() -> None:
    assert CODE("number is odd").hint == "make it even"


def test_an_errors_own_hint_comes_first() -> None:
    assert CODE("number is odd", hint="add one").hint == "add one"


def test_json_holds_every_part() -> None:
    error = CODE("number is odd", found="3")

    assert error.to_json() == {
        "code": "too-odd",
        "message": "number is odd",
        "found": "3",
        "expected": None,
        "hint": "make it even",
    }


def test_an_error_survives_a_copy() -> None:
    error = copy.copy(CODE("number is odd", found="3", expected="2"))

    assert str(error) == "number is odd (found 3, expected 2) [too-odd]"
