import pytest

from miniseal.formats.errors import MinisealError
from miniseal.registry.remote.codes import REGISTRY_UNREACHABLE
from miniseal.registry.remote.retries import Pace, Retries, retry_after

FAILURE = REGISTRY_UNREACHABLE("no answer")


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def pace(self) -> Pace:
        return Pace(clock=lambda: sum(self.waits), pause=self.waits.append, chance=lambda: 0.5)


def test_each_wait_is_longer_than_the_last_up_to_a_bound() -> None:
    time = Time()
    retries = Retries(20, 1000.0, time.pace())
    for _ in range(8):
        retries.wait(FAILURE)

    assert time.waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0, 8.0]


def test_the_last_attempt_is_not_waited_for() -> None:
    time = Time()
    retries = Retries(3, 1000.0, time.pace())
    retries.wait(FAILURE)
    retries.wait(FAILURE)

    with pytest.raises(MinisealError) as error:
        retries.wait(FAILURE)

    assert error.value is FAILURE
    assert len(time.waits) == 2


def test_what_the_registry_asks_for_is_waited() -> None:
    time = Time()
    Retries(3, 1000.0, time.pace()).wait(FAILURE, 7.0)

    assert time.waits == [7.0]


def test_a_wait_beyond_the_time_is_not_begun() -> None:
    time = Time()

    with pytest.raises(MinisealError):
        Retries(3, 10.0, time.pace()).wait(FAILURE, 11.0)

    assert time.waits == []


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 80.0),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("9" * 50, None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_a_field_says_how_long_to_wait(field: str | None, seconds: float | None) -> None:
    assert retry_after(field, 1445412400.0) == seconds
