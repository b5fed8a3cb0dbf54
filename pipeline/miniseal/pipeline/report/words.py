"""Times, durations and numbers as a page writes them."""

from miniseal.formats import times

__all__ = ["count", "duration", "moment", "plain_list", "short", "written"]


def moment(seconds: float) -> str:
    """A time for people: `2026-11-21 10:00:30 UTC`."""
    return written(times.to_text(int(seconds)))


def written(time: str) -> str:
    """The same for a time as statements write it."""
    return time.replace("T", " ").replace("Z", " UTC")


def duration(seconds: float) -> str:
    """`40 ms`, `0.4 s`, `12 s` or `3 min 05 s`."""
    if seconds < 0.095:
        return f"{round(seconds * 1000)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 step`, `2 steps`, `no steps`."""
    word = one if number == 1 else many or f"{one}s"
    return f"{number or 'no'} {word}"


def plain_list(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def short(digest: str) -> str:
    """A digest's first twelve digits, without the algorithm."""
    return digest.removeprefix("sha256:")[:12]
