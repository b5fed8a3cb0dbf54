from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.registry.remote.challenge import Challenge


def test_a_bearer_challenge_is_read() -> None:
    challenge = Challenge.choose(
        'Bearer realm="https://auth.example/token",service="reg,istry",'
        'scope="repository:a/b:pull,push repository:c:pull"'
    )

    assert challenge.scheme == "bearer"
    assert challenge.realm == "https://auth.example/token"
    assert challenge.parameters["service"] == "reg,istry"
    assert challenge.scopes == {"repository:a/b:pull,push", "repository:c:pull"}


@pytest.mark.parametrize(
    "field",
    [
        'Basic realm="x", Bearer realm="y"',
        'Negotiate, Basic realm="x", BEARER Realm = "y"',
        "bearer realm=y",
    ],
)
def test_a_token_is_preferred(field: str) -> None:
    challenge = Challenge.choose(field)

    assert (challenge.scheme, challenge.realm) == ("bearer", "y")


@pytest.mark.parametrize("field", ["Basic", "basic realm=x", 'Digest qop="a", Basic realm="b"'])
def test_a_password_is_the_other_choice(field: str) -> None:
    assert Challenge.choose(field).scheme == "basic"


def test_the_first_of_two_parameters_counts() -> None:
    field = 'Bearer realm="https://one.example/", realm="https://two.example/"'

    assert Challenge.choose(field).realm == "https://one.example/"


def test_a_quote_may_be_escaped() -> None:
    assert Challenge.choose(r'Bearer realm="a\"b\\c"').realm == r'a"b\c'


@pytest.mark.parametrize(
    "field",
    ["", "Digest", 'Bearer realm="open', 'Bearer realm="x" "y"', "=", f"Bearer realm={'x' * 9000}"],
)
def test_what_cannot_be_answered_is_refused(field: str) -> None:
    with pytest.raises(MinisealError) as error:
        Challenge.choose(field)

    assert error.value.code == "registry-malformed"


@given(st.text(st.sampled_from('Bearer asic="\\, x'), max_size=60))
def test_no_field_breaks_the_reader(field: str) -> None:
    with suppress(MinisealError):
        assert Challenge.choose(field).scheme in {"basic", "bearer"}
