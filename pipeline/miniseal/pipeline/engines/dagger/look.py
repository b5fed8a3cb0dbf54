"""Whether Dagger works here: a session is opened and closed again."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from miniseal.pipeline.engines.dagger import cli
from miniseal.pipeline.engines.dagger.session import Session

if TYPE_CHECKING:
    import dagger

__all__ = ["look"]


def look(environ: Mapping[str, str]) -> str:
    """What was found, in a line.

    Raises:
        EnvironmentalError: `dagger-missing`, `dagger-unreachable`, `dagger-version`,
            `engine-failed`.
    """
    with tempfile.TemporaryDirectory(prefix="miniseal-") as folder:
        session = Session(environ, Path(folder), prepare=_nothing)
        try:
            asyncio.run(session.call(_nothing))
        finally:
            session.close()
    if cli.joined(environ):
        return f"engine {session.version}, by the session of `dagger run`"
    program = cli.find(environ)
    return f"engine {session.version} at {environ.get(cli.HOST) or 'its default'}, by {program}"


async def _nothing(_client: "dagger.Client", _ready: None = None) -> None:
    """That the session opens is all there is to know."""
