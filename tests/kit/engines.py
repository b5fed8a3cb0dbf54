"""An engine for unit tests of the steps: it runs nothing and answers what the test says."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from miniseal.pipeline.engines.engine import Description, Exec, Log, Result

__all__ = ["FakeEngine", "answer", "wait"]

_T = TypeVar("_T")


def answer(
    exit_code: int = 0,
    stdout: bytes = b"",
    stderr: bytes = b"",
    outputs: dict[str, Path] | None = None,
) -> Callable[[Exec], Result]:
    """The same answer to every command."""
    result = Result(exit_code=exit_code, stdout=stdout, stderr=stderr, outputs=outputs or {})
    return lambda _: result


@dataclass(slots=True)
class FakeEngine:
    """Remembers every command and answers with `reply`."""

    reply: Callable[[Exec], Result]
    isolation: str | None = "fake"
    python: str = "/usr/bin/python3"
    commands: list[Exec] = field(default_factory=list[Exec])

    def describe(self) -> Description:
        return Description(name="fake", isolation=self.isolation)

    async def run(
        self,
        exec: Exec,  # noqa: A002 - the word of the protocol
        log: Log | None = None,
    ) -> Result:
        del log
        self.commands.append(exec)
        return self.reply(exec)


def wait(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine."""
    return asyncio.run(work)
