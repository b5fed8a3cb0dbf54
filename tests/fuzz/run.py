"""Run one fuzz target on random damage of some files: `run.py TARGET [--seconds N] [SEED ...]`.

`TARGET` is the name of a module beside this one, without `fuzz_`. It may have `SEEDS` of its own,
for when no files are given, and may want `tests` in PYTHONPATH. The seed of the randomness is
printed, and so is the input that broke the target. The unit tests run every target too, with
hypothesis; this is for longer runs. It measures no coverage.
"""

import argparse
import importlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path


def mutate(data: bytes, rng: random.Random) -> bytes:
    """`data` with up to eight changes."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randint(0, len(result))
        match rng.randrange(4):
            case 0 if at < len(result):
                result[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 1:
                del result[at : at + rng.randint(1, 16)]
            case 2:
                result[at:at] = result[at : at + rng.randint(1, 64)]
            case _:
                result[at:at] = rng.randbytes(rng.randint(1, 8))
    return bytes(result)


def fuzz(
    target: Callable[[bytes], None], seeds: list[bytes], *, seconds: float, rng: random.Random
) -> int:
    """Run `target` for this long; how many inputs it saw.

    Raises:
        AssertionError: for the input that broke it, which is in the message.
    """
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(rng.choice(seeds), rng)
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} for {data!r}") from error
        count += 1
    return count


def main(arguments: list[str]) -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("seeds", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--random", type=int, default=time.time_ns())
    options = parser.parse_args(arguments)
    module = importlib.import_module(f"fuzz_{options.target}")
    own: list[bytes] = getattr(module, "SEEDS", [b""])
    seeds = [path.read_bytes() for path in options.seeds] or own
    sys.stdout.write(f"--random {options.random}\n")
    rng = random.Random(options.random)  # noqa: S311 - randomness to be repeated, not secret
    count = fuzz(module.fuzz_one, seeds, seconds=options.seconds, rng=rng)
    sys.stdout.write(f"{count} inputs\n")


if __name__ == "__main__":
    main(sys.argv[1:])
