import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.verifier.policy.patterns import (
    app_matches,
    codes,
    host_matches,
    identity_matches,
    import_matches,
    is_app_pattern,
    is_email_pattern,
    is_host_pattern,
    offers,
    patterns_meet,
    seconds,
    specificity,
    text_matches,
)


@pytest.mark.parametrize(
    ("pattern", "app_id", "expected"),
    [
        ("com.acme.tip", "com.acme.tip", True),
        ("com.acme.tip", "com.acme.tips", False),
        ("com.acme.*", "com.acme.tip", True),
        ("com.acme.*", "com.acme.tip.pro", True),
        ("com.acme.*", "com.acme", False),
        ("com.acme.*", "com.acme.", False),
        ("com.acme.*", "com.acmebank.tip", False),
        ("com.acme.*", "xcom.acme.tip", False),
    ],
)
def test_an_app_pattern_ends_at_a_label(pattern: str, app_id: str, *, expected: bool) -> None:
    assert app_matches(pattern, app_id) is expected


@pytest.mark.parametrize("text", ["com.acme.*", "com.*", "com.acme.tip", "a.b-c"])
def test_an_app_pattern_is_recognised(text: str) -> None:
    assert is_app_pattern(text)


@pytest.mark.parametrize("text", ["*", "com", "Com.acme", "com..x", "com.*.x", "com.a*", ".*", ""])
def test_what_is_no_app_pattern_is_recognised(text: str) -> None:
    assert not is_app_pattern(text)


def test_an_exact_id_is_more_specific_than_any_prefix() -> None:
    patterns = ["com.*", "com.acme.tip", "com.acme.*", "com.acme.tip.*"]

    assert sorted(patterns, key=specificity) == [
        "com.*",
        "com.acme.*",
        "com.acme.tip.*",
        "com.acme.tip",
    ]


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("api.acme.example", "api.acme.example", True),
        ("*.acme.example", "api.acme.example", True),
        ("*.acme.example", "a.b.acme.example", True),
        ("*.acme.example", "acme.example", False),
        ("*.acme.example", ".acme.example", False),
        ("*.acme.example", "evilacme.example", False),
        ("*.acme.example", "*.acme.example", False),
        ("*.acme.example", "evil.example/.acme.example", False),
        ("*.acme.example", "evil.example#.acme.example", False),
        ("*.acme.example", "api.acme.example:8443", False),
    ],
)
def test_a_host_pattern_ends_at_a_label(pattern: str, host: str, *, expected: bool) -> None:
    assert host_matches(pattern, host) is expected


@pytest.mark.parametrize("text", ["*", "*.", "*.*.x", "a.*", "A.example", "a b", "a/b", ""])
def test_what_is_no_host_pattern_is_recognised(text: str) -> None:
    assert not is_host_pattern(text)


@pytest.mark.parametrize(
    ("allowed", "key", "expected"),
    [
        ("env", "env", True),
        ("env", "env2", False),
        ("host:kv/kv@1", "host:kv/kv@1.0.0", True),
        ("host:kv/kv@1", "host:kv/kv@1.9.3", True),
        ("host:kv/kv@1", "host:kv/kv@10.0.0", False),
        ("host:kv/kv@1", "host:kv/kv@2.0.0", False),
        ("host:kv/kv@0.2", "host:kv/kv@0.2.1", True),
        ("host:kv/kv@0.2", "host:kv/kv@0.3.0", False),
        ("host:kv/kv@1", "host:kv/kv@1.0.0-rc.1", False),
        ("host:kv/kv@1.0.0-rc.1", "host:kv/kv@1.0.0-rc.1", True),
        ("host:kv/kv@1", "host:kv/kv", False),
        ("host:kv/kv", "host:kv/kv@1.0.0", False),
        ("host:kv/kv@1", "host:kv/other@1.0.0", False),
        ("@1", "@1.0.0", False),
    ],
)
def test_an_import_key_may_be_cut_at_its_version(allowed: str, key: str, *, expected: bool) -> None:
    assert import_matches(allowed, key) is expected


@pytest.mark.parametrize(
    ("offered", "key", "expected"),
    [
        ("1.2.0", "kv@1.2.0", True),
        ("1.2.0", "kv@1.0.0", True),
        ("1.2.0", "kv@1.3.0", False),
        ("2.0.0", "kv@1.0.0", False),
        ("0.2.3", "kv@0.2.0", True),
        ("0.3.0", "kv@0.2.0", False),
        ("0.0.2", "kv@0.0.1", False),
        ("0.0.1", "kv@0.0.1", True),
        ("0.1.0", "kv@0.0.0", False),
        ("1.0.0-rc.1", "kv@1.0.0-rc.1", True),
        ("1.0.0-rc.1", "kv@1.0.0", False),
        ("1.2.0", "kv", True),
        ("1.2.0", "other@1.0.0", False),
    ],
)
def test_a_host_offers_compatible_versions(offered: str, key: str, *, expected: bool) -> None:
    assert offers({"kv": offered}, key) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("14d", 1_209_600), ("36h", 129_600), ("90m", 5_400), ("30s", 30), ("1", None), ("01d", None)],
)
def test_an_age_is_read(text: str, expected: int | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3, 3)),
        ("1..2", (1, 2)),
        ("4..", (4, None)),
        ("..2", (0, 2)),
        ("..", None),
        ("2..1", None),
        ("1...2", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_range_of_codes_is_read(text: str, expected: tuple[int, int | None] | None) -> None:
    assert codes(text) == expected


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40), other=st.text(max_size=40))
def test_no_text_breaks_a_pattern(text: str, other: str) -> None:
    is_app_pattern(text)
    is_host_pattern(text)
    app_matches(text, other)
    host_matches(text, other)
    import_matches(text, other)
    offers({text: other}, other)
    seconds(text)
    codes(text)


@settings(max_examples=200, deadline=None)
@given(label=st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True))
def test_a_prefix_matches_only_what_is_below_it(label: str) -> None:
    assert app_matches("com.acme.*", f"com.acme.{label}")
    assert not app_matches("com.acme.*", f"com.acme{label}")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("a*", "a", True),
        ("a*", "ba", False),
        ("*a", "ab", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("a*b*b", "ab", False),
        ("refs/tags/*", "refs/tags/v1/2", True),
        ("refs/tags/*", "refs/tags/", True),
        ("refs/tags/*", "xrefs/tags/v1", False),
        ("refs/tags/v?", "refs/tags/v1", False),
        ("refs/tags/v[0-9]", "refs/tags/v1", False),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
        ("A*", "ab", False),
    ],
)
def test_a_text_matches_in_full(pattern: str, text: str, *, expected: bool) -> None:
    assert text_matches(pattern, text) is expected


_SHORT = st.text(alphabet="ab*", max_size=8)


@settings(max_examples=500, deadline=None)
@given(pattern=_SHORT, text=st.text(alphabet="ab", max_size=10))
def test_a_text_matches_as_a_regular_expression_would(pattern: str, text: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))

    assert text_matches(pattern, text) is (re.fullmatch(expression, text) is not None)


@settings(max_examples=500, deadline=None)
@given(one=_SHORT, other=_SHORT, text=st.text(alphabet="ab", max_size=10))
def test_patterns_of_one_text_meet(one: str, other: str, text: str) -> None:
    both = text_matches(one, text) and text_matches(other, text)

    assert patterns_meet(one, other) or not both
    assert patterns_meet(one, other) is patterns_meet(other, one)


def test_patterns_with_other_starts_or_ends_do_not_meet() -> None:
    assert not patterns_meet("a*", "b*")
    assert not patterns_meet("*a", "*b")
    assert not patterns_meet("a*", "b")
    assert not patterns_meet("b", "a*")


def test_a_pattern_full_of_stars_ends_at_once() -> None:
    assert not text_matches("*a" * 1000 + "*b", "a" * 100_000)


@pytest.mark.parametrize(
    ("pattern", "identity", "expected"),
    [
        ("*@acme.example", "alice@acme.example", True),
        ("*@acme.example", "alice@evil.example", False),
        ("*@acme.example", "https://github.com/evil/w.yml@refs/tags/x@acme.example", False),
        ("*@acme.example", "https://gitlab.com/evil//x.yml@acme.example", False),
        ("*@acme.example", "a@b@acme.example", False),
        ("https://h/acme/*", "https://h/acme/x@refs/heads/main", True),
        ("https://h/acme/*", "https://h/acme-evil/x", False),
    ],
)
def test_an_address_is_no_workflow(pattern: str, identity: str, *, expected: bool) -> None:
    assert identity_matches(pattern, identity) is expected


@pytest.mark.parametrize("text", ["a@b", "*@acme.example", "x-*@acme.example"])
def test_a_pattern_of_addresses_is_recognised(text: str) -> None:
    assert is_email_pattern(text)


@pytest.mark.parametrize("text", ["a", "a@*", "a@b*", "a@b@c", "x://a@b", "a@", "@b", "a b@c"])
def test_what_is_no_pattern_of_addresses_is_recognised(text: str) -> None:
    assert not is_email_pattern(text)
