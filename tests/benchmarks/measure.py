"""Measuring by turns: every action once a round, so that a busy moment hits all of them alike.

Times are CPU time and wall-clock time. The minimum of many rounds is what the machine can do; the
median says how much the rest of the machine got in the way.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

__all__ = [
    "Action",
    "Sample",
    "Series",
    "interleave",
    "peak_memory",
    "process",
    "show",
    "show_fact",
    "show_ratio",
]

# A process inherits the peak of the one that started it, so a small one stands between.
_PEAK = """
import os, resource, sys
quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
number = os.posix_spawn(sys.argv[1], sys.argv[1:], dict(os.environ), file_actions=quiet)
if os.waitpid(number, 0)[1]:
    sys.exit(1)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Seconds that something took."""

    cpu: float
    wall: float


Action = Callable[[], Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The samples of one action, a sample a round."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Self:
        """The samples, in their order."""
        pairs = [(sample.cpu, sample.wall) for sample in samples]
        return cls(cpu=tuple(cpu for cpu, _ in pairs), wall=tuple(wall for _, wall in pairs))


def process(
    *words: str | Path, environ: Mapping[str, str] | None = None, talk: Path | None = None
) -> Sample:
    """Run a program to its end, and its children with it.

    Args:
        words: the program and its arguments.
        environ: its environment; this process's by default.
        talk: the file that its standard error goes to; this process's by default.

    Raises:
        RuntimeError: it did not end with 0.
    """
    arguments = [os.fspath(word) for word in words]
    files = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    if talk is not None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        files.append((os.POSIX_SPAWN_OPEN, 2, os.fspath(talk), flags, 0o600))
    started = time.perf_counter()
    number = os.posix_spawn(
        arguments[0], arguments, dict(environ or os.environ), file_actions=files
    )
    _, status, usage = os.wait4(number, 0)
    wall = time.perf_counter() - started
    if status != 0:
        said = "" if talk is None else f":\n{talk.read_text(encoding='utf-8')}"
        raise RuntimeError(f"{' '.join(arguments)[:300]} ended with {status >> 8}{said}")
    return Sample(cpu=usage.ru_utime + usage.ru_stime, wall=wall)


def peak_memory(*words: str | Path, environ: Mapping[str, str] | None = None) -> str:
    """The most memory that a program held at once, as text in MiB."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PEAK, *map(os.fspath, words)],
        env=dict(environ or os.environ),
        stdout=subprocess.PIPE,
        check=True,
    )
    return f"{int(done.stdout) / 1024:.0f} MiB"


def interleave(actions: Mapping[str, Action], *, rounds: int) -> dict[str, Series]:
    """The samples of each action, after one round that is not counted."""
    taken: dict[str, list[Sample]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            sample = action()
            if number:
                taken[name].append(sample)
    return {name: Series.of(samples) for name, samples in taken.items()}


def show(title: str, measured: Mapping[str, Series]) -> None:
    """Print minimum and median of each series, in milliseconds."""
    rounds = len(next(iter(measured.values())).cpu)
    _line(f"\n{title} ({rounds} round{'s' if rounds > 1 else ''})")
    _line(f"  {'milliseconds':<44}{'cpu min':>9}{'median':>9}{'wall min':>10}{'median':>9}")
    for name, series in measured.items():
        values = (min(series.cpu), median(series.cpu), min(series.wall), median(series.wall))
        cpu, cpu_median, wall, wall_median = (value * 1000 for value in values)
        _line(f"  {name:<44}{cpu:>9.2f}{cpu_median:>9.2f}{wall:>10.2f}{wall_median:>9.2f}")


def show_ratio(name: str, one: Series, other: Series, *, aim: float | None = None) -> None:
    """Print how much longer `one` took than `other`; the aim is about CPU time at its minimum."""
    cpu, wall = min(one.cpu) / min(other.cpu), min(one.wall) / min(other.wall)
    pairs = zip(one.cpu, other.cpu, strict=True)
    middle = median(first / second for first, second in pairs)
    verdict = "" if aim is None else f"aim {aim:.1f}x: {'met' if cpu <= aim else 'missed'}"
    _line(f"  {name:<44}{cpu:>8.2f}x{middle:>8.2f}x{wall:>9.2f}x{'':>10}{verdict}".rstrip())


def show_fact(name: str, value: str) -> None:
    """Print something that is no time."""
    _line(f"  {name:<44}{value:>12}")


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
