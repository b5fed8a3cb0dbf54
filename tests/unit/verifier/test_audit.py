from pathlib import Path

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.audit import Anchor, Audit, append, entry
from miniseal.verifier.host.head import Head, PolicyMark
from miniseal.verifier.host.reader import StateReader


def write(path: Path, count: int, anchor: Anchor = (0, None)) -> Anchor:
    for number in range(count):
        anchor = append(str(path), anchor, entry("install", f"com.acme.a{number}", "admitted", 0))
    return anchor


class Anchored(StateReader):
    """Reads a head that has nothing but an anchor."""

    def __init__(self, anchor: Anchor) -> None:
        super().__init__("")
        self._anchor = anchor

    def head(self) -> Head:
        mark = PolicyMark(serial=1, digest="", files=())
        return Head(host="", generation=1, policy=mark, time=0, apps={}, audit=self._anchor)


def read(log: Path, anchor: Anchor) -> Audit:
    return Audit.read(str(log.parent), Anchored(anchor))


def code(log: Path, data: bytes, anchor: Anchor) -> str:
    log.write_bytes(data)
    with pytest.raises(MinisealError) as error:
        read(log, anchor)
    return error.value.code


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_lines_are_chained_up_to_the_anchor(log: Path) -> None:
    anchor = write(log, 3)

    entries = read(log, anchor).entries

    assert [each["seq"] for each in entries] == [1, 2, 3]
    assert [each["app_id"] for each in entries] == ["com.acme.a0", "com.acme.a1", "com.acme.a2"]


def test_lines_after_the_anchor_are_chained_too(log: Path) -> None:
    anchor = write(log, 2)
    write(log, 1, anchor)

    assert read(log, anchor).count == 3


def test_an_empty_log_is_one(log: Path) -> None:
    assert read(log, (0, None)).entries == ()


def test_a_line_taken_away_is_noticed(log: Path) -> None:
    anchor = write(log, 3)
    lines = log.read_bytes().splitlines(keepends=True)

    assert code(log, b"".join(lines[:1] + lines[2:]), anchor) == "audit-broken"


def test_a_log_that_was_taken_away_goes_on_with_its_gap(log: Path) -> None:
    anchor = write(log, 3)
    log.unlink()

    after = write(log, 1, anchor)

    assert after[0] == 4
    assert code(log, log.read_bytes(), after) == "audit-broken"


def test_a_line_that_a_crash_cut_short_is_replaced(log: Path) -> None:
    anchor = write(log, 2)
    with log.open("ab") as file:
        file.write(b'{"seq":3,"prev')

    after = write(log, 1, anchor)

    assert [each["seq"] for each in read(log, after).entries] == [1, 2, 3]


def test_a_line_that_says_the_same_again_is_left_out(log: Path) -> None:
    refused = entry("load", "com.acme.tip", "refused", 1, error="policy-changed")
    first = append(str(log), (0, None), refused)

    again = append(str(log), (0, None), {**refused, "time": "later"}, repeat=False)

    assert again == first
    assert read(log, first).count == 1


@pytest.mark.parametrize("data", [b"junk\n", b"[]\n", b'{"seq":0,"previous":null}\n', b"\xff\n"])
def test_what_is_no_log_is_noticed(log: Path, data: bytes) -> None:
    assert code(log, data, (0, None)) == "audit-broken"
