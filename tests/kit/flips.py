"""Single bits changed in signed things, by a sample that a number chooses.

`MINISEAL_FLIPS` is how many there are in all of a test run; `make fuzz` takes more.
"""

import os
import random
from collections.abc import Iterator

FLIPS = int(os.environ.get("MINISEAL_FLIPS", "100000"))


def flips(data: bytes, count: int, seed: str) -> Iterator[bytes]:
    """`count` copies of `data`, each with another bit changed, or two where all had their turn."""
    bits = len(data) * 8
    rng = random.Random(seed)  # noqa: S311 - a sample to be repeated, not a secret
    singles = rng.sample(range(bits), min(count, bits))
    for number in range(count):
        mutant = bytearray(data)
        for bit in (singles[number],) if number < bits else rng.sample(range(bits), 2):
            mutant[bit // 8] ^= 1 << bit % 8
        yield bytes(mutant)
