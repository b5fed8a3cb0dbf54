import threading
from contextlib import closing

import pytest

from miniseal.registry.ahead import ahead


def test_results_come_in_the_order_of_the_items() -> None:
    first_may_end = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(10)
        elif number == 1:
            first_may_end.set()
        return number * number

    with closing(ahead(work, range(20), parallel=2)) as results:
        assert list(results) == [number * number for number in range(20)]


def test_nothing_runs_away_from_a_slow_result() -> None:
    first_may_end = threading.Event()
    started: list[int] = []

    def work(number: int) -> int:
        if number == 0:
            assert first_may_end.wait(10)
        started.append(number)
        if number == 5:
            first_may_end.set()
        return number

    with closing(ahead(work, range(1000), parallel=3)) as results:
        assert next(results) == 0
        assert len(started) <= 6


def test_an_error_comes_in_its_place_and_ends_the_work() -> None:
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    with closing(ahead(work, range(1000), parallel=2)) as results:
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            next(results)
    assert len(started) < 20
