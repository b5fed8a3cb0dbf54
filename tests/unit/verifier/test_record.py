import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.hosts import installed
from kit.packages import APP, Scene
from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.head import Head
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.record import Record

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The payloads of a head and of a record."""
    scene = Scene(tmp_path_factory.mktemp("host"))
    installed(scene)
    reader = StateReader(str(scene.state))
    head = reader.head()
    return head.to_payload(), reader.record(head, APP).to_payload()


def test_a_head_is_written_as_it_was_read(payloads: tuple[bytes, bytes]) -> None:
    assert Head.from_payload(payloads[0]).to_payload() == payloads[0]


def test_a_record_is_written_as_it_was_read(payloads: tuple[bytes, bytes]) -> None:
    assert Record.from_payload(payloads[1]).to_payload() == payloads[1]


@pytest.mark.parametrize("kind", [0, 1], ids=["head", "record"])
def test_an_unknown_member_is_refused(payloads: tuple[bytes, bytes], kind: int) -> None:
    reader = (Head, Record)[kind].from_payload
    value = json.loads(payloads[kind])

    with pytest.raises(MinisealError) as error:
        reader(json.dumps({**value, "more": 1}).encode())

    assert error.value.code == "state-malformed"


@pytest.mark.parametrize("kind", [0, 1], ids=["head", "record"])
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_other_member_is_read_or_refused_and_nothing_else(
    payloads: tuple[bytes, bytes], kind: int, data: st.DataObject
) -> None:
    reader = (Head, Record)[kind].from_payload
    value = json.loads(payloads[kind])
    name = data.draw(st.sampled_from(sorted(value)))
    changed = {**value, name: data.draw(VALUES)}

    try:
        reader(json.dumps(changed).encode())
    except MinisealError as error:
        refused = error.code
    else:
        refused = "state-malformed"

    assert refused == "state-malformed"
