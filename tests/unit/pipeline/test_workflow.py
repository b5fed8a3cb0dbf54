import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.runner import Acted, acted
from miniseal.pipeline.printable import one_line, printable
from miniseal.pipeline.workflow import command, failure, inert, inert_json, warned

HOSTILE = (
    "::error::x",
    "  ::set-env name=PATH::/evil",
    "\u00a0::add-mask::a",
    "a ##[error]x",
    "###[group]x",
    "a\n::stop-commands::t",
    "a\r::error::x",
    "a\r\n\t::ERROR::x",
    "::error file=a\n::error::b",
)
TEXTS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            ["::", "##[", "#", "error", "]", " ", "\n", "\r", "\t", "\\", "x=y", ",", "%0A"]
        )
    ).map("".join),
)


def test_a_command_is_what_the_runner_reads() -> None:
    line = command("error", "no: a, b\n100 %", file="a,b:c%0A.py", line=3, title="x::y")

    assert acted(line) == [
        Acted(
            "error",
            "no: a, b\n100 %",
            {"file": "a,b:c%0A.py", "line": "3", "title": "x::y"},
        )
    ]


def test_a_command_escapes_as_githubs_own_toolkit_does() -> None:
    assert command("warning", "a%b\r\nc:d,e", title="a%b\r\nc:d,e") == (
        "::warning title=a%25b%0D%0Ac%3Ad%2Ce::a%25b%0D%0Ac:d,e"
    )


def test_what_is_empty_is_left_out() -> None:
    assert command("endgroup") == "::endgroup::"
    assert command("notice", "x", file="", line=0, title="t") == "::notice title=t::x"


@given(data=TEXTS, title=TEXTS)
def test_no_text_gets_out_of_its_command(data: str, title: str) -> None:
    line = command("notice", data, title=title)

    [read] = acted(line)
    assert (read.name, read.data) == ("notice", data)
    assert read.properties.get("title", "").strip() == title.strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_the_runner_obeys_what_was_not_made_inert(text: str) -> None:
    assert acted(text)


@given(text=TEXTS)
@example("::error::x")
@example("##[##[error]]x")
def test_what_was_made_inert_it_does_not(text: str) -> None:
    assert acted(inert(text)) == []
    assert acted(inert(printable(text))) == []
    assert acted(inert(one_line(text))) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_what_is_known_to_be_hostile(text: str) -> None:
    assert acted(inert(text)) == []


@given(text=st.text(alphabet="abc :#[]\n"))
def test_inert_only_adds_backslashes(text: str) -> None:
    assert inert(text).replace("\\", "") == text


def test_other_texts_stay_as_they_are() -> None:
    text = "std::string a::b\n# [x] ##\nerror: no"

    assert inert(text) == text


@given(value=st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_means_the_same_and_is_not_obeyed(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        shown = inert_json(text)
        assert json.loads(shown) == value
        assert acted(shown) == []


def test_a_failure_says_step_and_code() -> None:
    assert acted(failure("build", {"code": "tool-failed", "message": "no"})) == [
        Acted("error", "no", {"title": "build: tool-failed"})
    ]
    assert acted(failure("", None)) == [Acted("error", "it ended")]


def test_warnings_leave_room_for_findings() -> None:
    assert acted(warned("pack", "unused", 4) or "") == [
        Acted("warning", "unused", {"title": "pack"})
    ]
    assert warned("pack", "unused", 5) is None
