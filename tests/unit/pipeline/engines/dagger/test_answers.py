import binascii
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines.dagger.answers import Answer, read
from miniseal.pipeline.engines.engine import Exec

COMMAND = Exec(argv=("true",), outputs=("/build/out",), output_limit=1000, timeout_seconds=3.0)
SIZE = {"folder": True, "bytes": 10, "entries": 2, "depth": 1, "socket": None}


def base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def text(*, without: str = "", **changes: Any) -> str:
    answer = {
        "exit": 3,
        "stdout": base64(b"out\xff"),
        "stderr": base64(b""),
        "sizes": {"/build/out": SIZE},
    } | changes
    return json.dumps({name: value for name, value in answer.items() if name != without})


def test_an_answer_is_read() -> None:
    assert read(text(), COMMAND) == Answer(
        exit_code=3, stdout=b"out\xff", stderr=b"", folders=frozenset({"/build/out"})
    )


def test_more_is_never_kept_than_a_result_has() -> None:
    answer = read(text(stdout=base64(b"x" * 200_000 + b"end")), COMMAND)

    assert len(answer.stdout) == 100 * 1024
    assert answer.stdout.endswith(b"end")


def test_an_output_that_is_no_folder_is_not_fetched() -> None:
    answer = read(text(sizes={"/build/out": SIZE | {"folder": False}}), COMMAND)

    assert answer.folders == frozenset()


@pytest.mark.parametrize(
    "size",
    [{"bytes": 1001}, {"entries": 100_001}, {"depth": 65}, {"socket": "/build/out/s"}],
    ids=["bytes", "entries", "depth", "socket"],
)
def test_what_is_too_much_is_refused_before_it_is_fetched(size: dict[str, Any]) -> None:
    with pytest.raises(MinisealError) as error:
        read(text(sizes={"/build/out": SIZE | size}), COMMAND)

    assert error.value.code == "output-refused"


def test_a_command_whose_time_was_up_says_so() -> None:
    with pytest.raises(MinisealError) as error:
        read(text(without="exit", timeout=True), COMMAND)

    assert error.value.code == "exec-timeout"
    assert error.value.expected == "at most 3 seconds"


@pytest.mark.parametrize(
    "answer",
    [
        *("", "{", "[]", '{"exit": 0}', text(without="sizes"), text(without="stdout")),
        *(text(exit=256), text(exit=-1), text(exit=True), text(exit="0"), text(exit=1.5)),
        *(text(stdout="!"), text(stdout=[1]), text(sizes={}), text(sizes={"/build/out": []})),
        *(text(sizes={"/build/out": SIZE | {"bytes": -1}}), text(error="killed")),
        *(text(error=[]), "x" * 2_000_000, '{"exit": 0, "exit": 1}'),
    ],
)
def test_anything_else_is_an_engine_that_failed(answer: str) -> None:
    with pytest.raises(MinisealError) as error:
        read(answer, COMMAND)

    assert error.value.code == "engine-failed"


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["exit", "stdout", "stderr", "sizes", "/build/out", "bytes", "error"]),
        inner,
    ),
))  # fmt: skip
def test_no_answer_does_anything_else(value: object) -> None:
    try:
        read(json.dumps(value), COMMAND)
    except MinisealError as error:
        assert error.code in {"engine-failed", "exec-timeout", "output-refused"}  # noqa: PT017 - or it is read
