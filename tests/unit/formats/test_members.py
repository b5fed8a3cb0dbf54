import pytest

from miniseal.formats.errors import Code, FormatError, MinisealError
from miniseal.formats.members import Members

CODE = Code("thing-malformed", FormatError, meaning="m", cause="c", remedy="r")
DIGEST = "sha256:" + "0" * 64


def members(**values: object) -> Members:
    return Members(values, "thing", CODE)


@pytest.mark.parametrize("value", [None, 1, "text", [], [["a", 1]], True])
def test_only_an_object_has_members(value: object) -> None:
    with pytest.raises(FormatError, match="thing is not an object") as error:
        Members(value, "thing", CODE)

    assert error.value.code == "thing-malformed"


def test_a_null_member_counts_as_absent() -> None:
    assert "a" not in members(a=None)


@pytest.mark.parametrize("value", [0, "", False, [], {}])
def test_an_empty_member_counts_as_there(value: object) -> None:
    assert "a" in members(a=value)


def test_known_members_pass() -> None:
    thing = members(a=1)

    assert thing.only("a", "b") is thing


def test_an_unknown_member_is_refused_where_the_format_is_ours() -> None:
    with pytest.raises(FormatError, match="unknown member") as error:
        members(a=1, extra=2).only("a")

    assert error.value.code == "thing-malformed"
    assert error.value.found == "'extra'"


@pytest.mark.parametrize(
    "read",
    [
        Members.value,
        Members.string,
        Members.integer,
        Members.items,
        Members.strings,
        Members.child,
        Members.children,
        Members.digest,
    ],
)
def test_a_missing_member_is_refused(read: object) -> None:
    with pytest.raises(FormatError, match="thing lacks a") as error:
        read(members(), "a")  # type: ignore[operator]  # each takes members and a name

    assert error.value.code == "thing-malformed"


@pytest.mark.parametrize("value", [None, "", 1, True, ["a"], {"a": "b"}])
def test_a_string_is_not_empty_and_of_no_other_type(value: object) -> None:
    with pytest.raises(FormatError, match=r"thing\.a is of the wrong kind") as error:
        members(a=value).string("a")

    assert error.value.code == "thing-malformed"


def test_an_optional_string_may_be_null_or_absent() -> None:
    thing = members(a=None)

    assert (thing.optional_string("a"), thing.optional_string("b")) == (None, None)


def test_an_optional_string_that_is_there_has_to_be_one() -> None:
    with pytest.raises(FormatError) as error:
        members(a=0).optional_string("a")

    assert error.value.code == "thing-malformed"


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, -1, 11])
def test_an_integer_is_within_its_bounds_and_no_boolean(value: object) -> None:
    with pytest.raises(FormatError, match="an integer from 0 to 10") as error:
        members(a=value).integer("a", most=10)

    assert error.value.code == "thing-malformed"


@pytest.mark.parametrize("value", [2, 10])
def test_the_bounds_themselves_are_integers_within(value: int) -> None:
    assert members(a=value).integer("a", least=2, most=10) == value


@pytest.mark.parametrize("value", [None, "ab", {"a": 1}, 3])
def test_a_list_is_of_no_other_type(value: object) -> None:
    with pytest.raises(FormatError, match="expected a list") as error:
        members(a=value).items("a")

    assert error.value.code == "thing-malformed"


def test_a_list_of_strings_holds_nothing_else() -> None:
    with pytest.raises(FormatError, match="only strings") as error:
        members(a=["b", None]).strings("a")

    assert error.value.code == "thing-malformed"


def test_a_childs_errors_say_where_it_is() -> None:
    with pytest.raises(FormatError, match=r"thing\.a\[1\]\.b is of the wrong kind"):
        members(a=[{"b": "c"}, {"b": 1}]).children("a")[1].string("b")


def test_a_list_of_objects_holds_nothing_else() -> None:
    with pytest.raises(FormatError, match=r"thing\.a\[0\] is not an object") as error:
        members(a=["b"]).children("a")

    assert error.value.code == "thing-malformed"


def test_a_string_map_may_be_absent() -> None:
    assert members(a=None).string_map("a") == {}


@pytest.mark.parametrize("value", [[], "a", {"b": 1}, {"b": None}, {"b": {}}])
def test_a_string_map_maps_to_strings_alone(value: object) -> None:
    with pytest.raises(FormatError) as error:
        members(a=value).string_map("a")

    assert error.value.code == "thing-malformed"


def test_a_digest_is_returned() -> None:
    assert members(a=DIGEST).digest("a") == DIGEST


def test_a_malformed_digest_has_its_own_code() -> None:
    with pytest.raises(MinisealError) as error:
        members(a="sha1:00").digest("a")

    assert error.value.code == "digest-malformed"


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(FormatError) as error:
        members(a="x" * 10_000).integer("a")

    assert error.value.found is not None
    assert len(error.value.found) <= 60


def test_an_integer_that_python_will_not_write_out_is_refused_by_its_length() -> None:
    with pytest.raises(FormatError) as error:
        members(a=1 << 20_000).integer("a")

    assert error.value.code == "thing-malformed"
    assert error.value.found == "an integer of 20001 bits"
