from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.policy import PREDICATE_TYPE, PolicyFiles

FILES = PolicyFiles(serial=3, files={"policy.toml": b"serial = 3", "keys/a.pub": b"\0\xff"})


def test_the_predicate_type_is_ours() -> None:
    assert PREDICATE_TYPE == "https://miniseal.dev/policy/v1"


def test_what_is_written_is_read() -> None:
    assert PolicyFiles.from_json(FILES.to_json()) == FILES


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"serial": 3},
        {"serial": 3, "files": []},
        {"serial": 0, "files": [{"name": "a", "content": "YQ=="}]},
        {"serial": True, "files": [{"name": "a", "content": "YQ=="}]},
        {"serial": 3, "files": {"a": "YQ=="}},
        {"serial": 3, "files": [{"name": "a", "content": "YQ"}]},
        {"serial": 3, "files": [{"name": "a", "content": "YR=="}]},
        {"serial": 3, "files": [{"name": "a", "content": "Y Q=="}]},
        {"serial": 3, "files": [{"name": "", "content": "YQ=="}]},
        {"serial": 3, "files": [{"name": "a", "content": "YQ==", "mode": 493}]},
        {"serial": 3, "files": [{"name": "a", "content": "YQ=="}], "expires": 1},
        {"serial": 3, "files": [{"name": "a", "content": "YQ=="}] * 2},
    ],
    ids=str,
)
def test_another_form_is_refused(value: object) -> None:
    with pytest.raises(MinisealError) as error:
        PolicyFiles.from_json(value)

    assert error.value.code == "predicate-malformed"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["serial", "files", "name", "content"]), inner)
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(value=_JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    with suppress(MinisealError):
        read = PolicyFiles.from_json(value)
        assert PolicyFiles.from_json(read.to_json()) == read
