"""`miniseal doctor`: is everything here that a release needs, and what to do where it is not."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import click

from miniseal.cli import access, scanner
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import MinisealError

__all__ = ["command"]


@click.command("doctor", cls=Verb, extra="pipeline")
@scanner.trivy_option
@scanner.database_option
@access.options
def command(trivy: Path | None, database: str | None) -> Outcome:
    """Look for what `miniseal release` needs: isolation, the scanner, its database, a cache.

    And for Dagger's engine, where commands are to run there.
    """
    checks: dict[str, Callable[[], str]] = {
        "isolation": _isolation,
        "scanner": lambda: _scanner(trivy),
        "database": lambda: _database(database),
        "tool cache": _cache,
        "dagger": _dagger,
    }
    rows = [_row(name, check) for name, check in checks.items()]
    return Outcome(
        result={"checks": rows},
        lines=tuple(
            f"{'ok' if row['ok'] else 'MISSING':<8} {row['name']:<11} {row['found']}"
            + (f"\n{'':<20} {row['hint']}" if row["hint"] else "")
            for row in rows
        ),
        exit_code=0 if all(row["ok"] for row in rows) else 1,
    )


def _row(name: str, check: Callable[[], str]) -> dict[str, object]:
    try:
        return {"name": name, "ok": True, "found": check(), "hint": None}
    except MinisealError as error:
        return {"name": name, "ok": False, "found": str(error), "hint": error.hint}


def _isolation() -> str:
    from miniseal.pipeline.engines.local import ISOLATION_MISSING, detect

    found = detect()
    if found is None:
        raise ISOLATION_MISSING("no isolation works here")
    return found


def _scanner(named: Path | None) -> str:
    from miniseal.packager.lock import pinned
    from miniseal.pipeline.trivy.run import Trivy

    pins = pinned(()).scanner
    trivy = Trivy.locate(named, search=os.environ.get("PATH", ""), pinned=pins)
    return f"trivy {trivy.version} at {trivy.path}"


def _database(named: str | None) -> str:
    database = scanner.database(named).open()
    days = (time.time() - database.updated) / 86400
    return f"{database.folder}, {days:.1f} days old, {database.digest}"


def _cache() -> str:
    from miniseal.cli.files import write_file
    from miniseal.cli.workshop import tool_cache

    folder = tool_cache().folder
    write_file(folder / ".doctor", b"")
    return str(folder)


def _dagger() -> str:
    from miniseal.pipeline.engines.choose import choose
    from miniseal.pipeline.engines.dagger.look import look

    if choose(None, os.environ) == "local":
        return "not used here"
    return look(os.environ)
