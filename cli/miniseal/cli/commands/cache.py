"""`miniseal cache`: how much the caches hold, and making them smaller."""

import click

from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import Code, UsageError

__all__ = ["SIZE_MALFORMED", "command"]

SIZE_MALFORMED = Code(
    "size-malformed",
    UsageError,
    meaning="a size is not a number of bytes",
    cause="an unknown unit, or no number",
    remedy="write a number with KiB, MiB or GiB, or bytes alone",
)
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@click.group("cache")
def command() -> None:
    """What earlier runs left: fetched tools and results of steps."""


@command.command("show", cls=Verb, extra="pipeline")
def show() -> Outcome:
    """Say where the step cache and the tool cache are, and how much they hold."""
    from miniseal.cli import workshop  # needs the extra `pipeline`

    steps, tools = workshop.step_cache(), workshop.tool_cache()
    kept = [entry.size for entry in steps.entries()] if steps else []
    fetched = [entry.size for entry in tools.entries()]
    return Outcome(
        result={
            "folder": str(workshop.cache_folder()),
            "steps": {"entries": len(kept), "bytes": sum(kept)},
            "tools": {"entries": len(fetched), "bytes": sum(fetched)},
        },
        lines=(
            str(workshop.cache_folder()),
            f"  steps  {len(kept):>6} results  {_shown(sum(kept))}",
            f"  tools  {len(fetched):>6} folders  {_shown(sum(fetched))}",
        ),
    )


@command.command("prune", cls=Verb, extra="pipeline")
@click.option("--keep", default="0", help="Keep this much of what was used last: 500MiB, 2GiB.")
@click.option("--tools", is_flag=True, help="Also remove fetched tools; they are fetched again.")
def prune(keep: str, tools: bool) -> Outcome:
    """Remove results of steps, what was not used for longest first."""
    from miniseal.cli import workshop  # needs the extra `pipeline`

    limit = _bytes(keep)
    steps = workshop.step_cache()
    removed = steps.prune(limit) if steps else 0
    fetched = workshop.tool_cache().prune(limit) if tools else 0
    return Outcome(
        result={"steps": {"removed": removed}, "tools": {"removed": fetched}},
        lines=(f"removed {_shown(removed + fetched)}",),
    )


def _bytes(text: str) -> int:
    number = text.rstrip("KMGiB")
    unit = text[len(number) :]
    if not number.strip().isascii() or not number.strip().isdigit() or unit not in _UNITS:
        raise SIZE_MALFORMED("a size cannot be read", found=repr(text)[:40], expected="as 500MiB")
    return int(number) * _UNITS[unit]


def _shown(size: int) -> str:
    unit = next(name for name in ("GiB", "MiB", "KiB", "") if size >= _UNITS[name] or not name)
    return f"{size / _UNITS[unit]:.1f} {unit}" if unit else f"{size} bytes"
