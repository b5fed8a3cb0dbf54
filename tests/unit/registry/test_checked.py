from collections.abc import Iterator

import pytest

from miniseal.formats.errors import MinisealError, VerificationError
from miniseal.formats.oci import Descriptor
from miniseal.registry.checked import checked

CHUNKS = (b"one", b"two", b"", b"three")
CONTENT = Descriptor.of(b"".join(CHUNKS), "text/plain")
ABC = Descriptor.of(b"abc", "text/plain")


def until_refused(chunks: Iterator[bytes]) -> bytes:
    """What came before `digest-mismatch`."""
    came: list[bytes] = []
    with pytest.raises(VerificationError) as error:
        came.extend(chunks)
    assert error.value.code == "digest-mismatch"
    return b"".join(came)


def test_right_content_comes_whole() -> None:
    assert list(checked(CHUNKS, CONTENT)) == [b"one", b"two", b"three"]


def test_content_may_be_empty() -> None:
    assert list(checked((), Descriptor.of(b"", "text/plain"))) == []


def test_the_last_chunk_of_wrong_content_does_not_come() -> None:
    assert until_refused(checked((b"one", b"two", b"THREE"), CONTENT)) == b"onetwo"


def test_short_content_is_refused_at_its_end() -> None:
    assert until_refused(checked((b"one", b"two"), CONTENT)) == b"one"


def test_long_content_is_refused_when_it_gets_too_long() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"four"

    assert len(until_refused(checked(endless(), CONTENT))) <= CONTENT.size


class TestOnce:
    def test_what_is_checked_is_not_checked_again(self) -> None:
        first = checked([b"ab", b"c"], ABC)

        assert checked(first, ABC) is first
        watched = first.watched(lambda _: None)
        assert checked(watched, ABC) is watched

    def test_the_rest_of_what_is_checked_is_not_all(self) -> None:
        first = checked([b"ab", b"c"], ABC)
        next(first)

        with pytest.raises(MinisealError) as error:
            list(checked(first, ABC))
        assert error.value.code == "digest-mismatch"

    def test_the_rest_of_what_is_watched_is_not_all(self) -> None:
        first = checked([b"ab", b"c"], ABC)
        next(first)

        with pytest.raises(MinisealError) as error:
            list(checked(first.watched(lambda _: None), ABC))
        assert error.value.code == "digest-mismatch"

    def test_what_is_checked_for_other_content_is_checked(self) -> None:
        other = Descriptor.of(b"abe", "text/plain")

        with pytest.raises(MinisealError) as error:
            list(checked(checked([b"abc"], ABC), other))
        assert error.value.code == "digest-mismatch"

    def test_chunks_are_shown(self) -> None:
        seen: list[bytes] = []

        assert b"".join(checked([b"ab", b"c"], ABC).watched(seen.append)) == b"abc"
        assert b"".join(seen) == b"abc"


def test_who_goes_on_after_a_refusal_meets_it_again() -> None:
    chunks = checked([b"other"], Descriptor.of(b"bytes", "text/plain"))

    for _ in range(2):
        with pytest.raises(VerificationError) as error:
            next(chunks)
        assert error.value.code == "digest-mismatch"
