import pytest

from miniseal.pipeline.report.words import count, duration, moment, plain_list, short


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.04, "40 ms"),
        (0.1, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
    ],
)
def test_a_duration_is_as_exact_as_it_is_long(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_time_is_utc() -> None:
    assert moment(1_795_255_230.9) == "2026-11-21 10:00:30 UTC"


def test_a_number_agrees_with_its_word() -> None:
    assert [count(number, "step") for number in (0, 1, 2)] == ["no steps", "1 step", "2 steps"]
    assert count(2, "vulnerability", "vulnerabilities") == "2 vulnerabilities"


def test_a_list_reads_as_a_sentence() -> None:
    assert [plain_list([*"abc"][:size]) for size in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_a_digest_is_cut() -> None:
    assert short("sha256:" + "ab" * 32) == "abababababab"
