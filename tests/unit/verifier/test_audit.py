from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.audit import Anchor, append, check_log, entry


def write(path: Path, count: int, anchor: Anchor = (0, None)) -> Anchor:
    for number in range(count):
        anchor = append(str(path), anchor, entry("install", f"com.acme.a{number}", "admitted", 0))
    return anchor


def code(data: bytes, anchor: Anchor) -> str:
    with pytest.raises(MinisealError) as error:
        check_log(data, anchor)
    return error.value.code


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_lines_are_chained_up_to_the_anchor(log: Path) -> None:
    anchor = write(log, 3)

    entries = check_log(log.read_bytes(), anchor)

    assert [each["seq"] for each in entries] == [1, 2, 3]
    assert [each["app_id"] for each in entries] == ["com.acme.a0", "com.acme.a1", "com.acme.a2"]


def test_lines_after_the_anchor_are_chained_too(log: Path) -> None:
    anchor = write(log, 2)
    write(log, 1, anchor)

    assert len(check_log(log.read_bytes(), anchor)) == 3


def test_an_empty_log_is_one(log: Path) -> None:
    assert check_log(b"", (0, None)) == ()
    assert not log.exists()


def test_a_changed_line_is_noticed(log: Path) -> None:
    anchor = write(log, 3)

    assert code(log.read_bytes().replace(b"com.acme.a1", b"com.acme.a9"), anchor) == "audit-broken"


def test_a_changed_last_line_is_noticed(log: Path) -> None:
    anchor = write(log, 3)

    assert code(log.read_bytes().replace(b"com.acme.a2", b"com.acme.a9"), anchor) == "audit-broken"


def test_a_line_taken_away_is_noticed(log: Path) -> None:
    anchor = write(log, 3)
    lines = log.read_bytes().splitlines(keepends=True)

    assert code(b"".join(lines[:1] + lines[2:]), anchor) == "audit-broken"


def test_a_cut_log_is_noticed(log: Path) -> None:
    anchor = write(log, 3)
    lines = log.read_bytes().splitlines(keepends=True)

    assert code(b"".join(lines[:2]), anchor) == "audit-broken"


def test_a_log_that_was_taken_away_goes_on_with_its_gap(log: Path) -> None:
    anchor = write(log, 3)
    log.unlink()

    after = write(log, 1, anchor)

    assert after[0] == 4
    assert code(log.read_bytes(), after) == "audit-broken"


def test_a_line_that_a_crash_cut_short_is_replaced(log: Path) -> None:
    anchor = write(log, 2)
    with log.open("ab") as file:
        file.write(b'{"seq":3,"prev')

    after = write(log, 1, anchor)

    assert [each["seq"] for each in check_log(log.read_bytes(), after)] == [1, 2, 3]


def test_a_line_that_says_the_same_again_is_left_out(log: Path) -> None:
    refused = entry("load", "com.acme.tip", "refused", 1, error="policy-changed")
    first = append(str(log), (0, None), refused)

    again = append(str(log), (0, None), {**refused, "time": "later"}, repeat=False)

    assert again == first
    assert len(check_log(log.read_bytes(), first)) == 1


@pytest.mark.parametrize("data", [b"junk\n", b"[]\n", b'{"seq":0,"previous":null}\n', b"\xff\n"])
def test_what_is_no_log_is_noticed(data: bytes) -> None:
    assert code(data, (0, None)) == "audit-broken"
