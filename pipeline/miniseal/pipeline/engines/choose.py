"""Which engine commands run on, where nobody has said it.

A session of `dagger run`, or an engine named by Dagger's own variable, is taken; else it is this
machine. Nothing here looks whether it works, and a choice that does not work is no reason for
another one: where a build runs is part of what is signed.
"""

from collections.abc import Mapping
from typing import Literal

from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.engines.dagger import cli

__all__ = ["ENGINE_UNKNOWN", "VARIABLE", "Name", "choose"]

ENGINE_UNKNOWN = Code(
    "engine-unknown",
    UsageError,
    meaning="there is no engine of this name",
    cause="a mistake in --engine or MINISEAL_ENGINE",
    remedy="write auto, local or dagger",
)

Name = Literal["local", "dagger"]
VARIABLE = "MINISEAL_ENGINE"


def choose(asked: str | None, environ: Mapping[str, str]) -> Name:
    """The engine's name; `asked` is `auto`, `local`, `dagger`, or None for what the variable says.

    Raises:
        UsageError: `engine-unknown`.
    """
    name = asked or environ.get(VARIABLE) or "auto"
    if name == "auto":
        return "dagger" if cli.configured(environ) else "local"
    if name == "local":
        return "local"
    if name == "dagger":
        return "dagger"
    raise ENGINE_UNKNOWN(f"no engine is called {name!r}"[:200], expected="auto, local or dagger")
