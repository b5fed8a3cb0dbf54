"""Binaries that are nearly right: a valid one with bytes changed, cut out, repeated or added."""

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` with one to four changes."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 8))
        change = draw(st.sampled_from(["flip", "remove", "repeat", "insert", "cut"]))
        if change == "flip" and start < len(data):
            data[start] ^= draw(st.integers(1, 255))
        elif change == "remove":
            del data[start : start + size]
        elif change == "repeat":
            data[start:start] = data[start : start + size]
        elif change == "insert":
            data[start:start] = draw(st.binary(max_size=8))
        elif change == "cut":
            del data[start:]
    return bytes(data)
