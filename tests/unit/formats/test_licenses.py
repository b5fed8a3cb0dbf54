import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.licenses import denied, is_known, is_pattern

COPYLEFT = ("GPL-*", "AGPL-*")
NAMES = st.sampled_from(["MIT", "Apache-2.0", "GPL-3.0-only", "AGPL-3.0-or-later", "LGPL-2.1+"])


@pytest.mark.parametrize("text", ["MIT", "GPL-*", "*", "LicenseRef-own", "GPL-2.0+"])
def test_an_identifier_or_one_with_stars_is_a_pattern(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize("text", ["", "MIT OR GPL-2.0", "GPL-?", "[G]PL", "GPL-2.0\n", "x" * 101])
def test_other_text_is_no_pattern(text: str) -> None:
    assert not is_pattern(text)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("GPL-3.0-only", "GPL-3.0-only"),
        ("gpl-3.0-only", "gpl-3.0-only"),
        ("GPL-2.0+", "GPL-2.0+"),
        ("(GPL-2.0)", "GPL-2.0"),
        ("MIT AND GPL-2.0-or-later", "GPL-2.0-or-later"),
        ("MIT and GPL-2.0-or-later", "GPL-2.0-or-later"),
        ("GPL-2.0-only OR AGPL-3.0-only", "GPL-2.0-only"),
        ("(MIT OR GPL-2.0-only) AND AGPL-3.0-only", "AGPL-3.0-only"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ],
)
def test_what_leaves_no_way_around_a_denied_licence_is_denied(expression: str, found: str) -> None:
    assert denied(expression, COPYLEFT) == found


@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "LGPL-2.1-only",
        "MIT OR GPL-3.0-only",
        "(MIT OR GPL-3.0-only) AND (Apache-2.0 OR AGPL-3.0-only)",
        "LicenseRef-GPL-like",
        "",
    ],
)
def test_what_has_a_way_around_is_not(expression: str) -> None:
    assert denied(expression, COPYLEFT) is None


@pytest.mark.parametrize(
    "text",
    [
        "MIT/GPL-2.0",
        "MIT, GPL-2.0",
        "under GPL-2.0 or, if you like, MIT",
        "MIT OR GPL-2.0 OR",
        "MIT (GPL-2.0)",
        "(MIT OR GPL-2.0",
        "(" * 40 + "GPL-2.0" + ")" * 40,
        "MIT " * 600 + "GPL-2.0",
    ],
)
def test_in_what_is_no_expression_every_word_counts(text: str) -> None:
    assert denied(text, COPYLEFT) == "GPL-2.0"
    assert not is_known(text)


def test_a_text_can_be_denied_as_a_whole() -> None:
    assert denied("see the file COPYING", ("*",)) == "see the file COPYING"


@pytest.mark.parametrize("text", ["", "NOASSERTION", "NONE", "unknown", "SEE LICENSE IN x", "AND"])
def test_what_says_nothing_is_not_known(text: str) -> None:
    assert not is_known(text)


@pytest.mark.parametrize(
    "text", ["MIT", "UNLICENSED", "MIT OR Apache-2.0", "DocumentRef-a:LicenseRef-b"]
)
def test_an_expression_is_known(text: str) -> None:
    assert is_known(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="()ANDORWITHMGPL-*+ .\0é", max_size=60))
def test_any_text_is_judged(text: str) -> None:
    is_pattern(text)
    is_known(text)
    assert denied(text, ()) is None
    assert text.strip() == "" or denied(text, ("*",)) is not None


@settings(max_examples=200, deadline=None)
@given(NAMES, NAMES)
def test_a_choice_is_denied_with_both_and_a_demand_with_either(left: str, right: str) -> None:
    both = [denied(name, COPYLEFT) is not None for name in (left, right)]

    assert (denied(f"{left} OR {right}", COPYLEFT) is not None) == all(both)
    assert (denied(f"{left} AND {right}", COPYLEFT) is not None) == any(both)
