"""Where the demo's story plays: its folder, and commands that must end as the story says.

A command runs as a process of its own, as a person would type it; it is shown before it runs.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError, FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads

__all__ = ["DEMO_BROKEN", "Stage"]

DEMO_BROKEN = Code(
    "demo-broken",
    EnvironmentalError,
    meaning="a command of the demo did not end as it should",
    cause="something that miniseal needs is missing here, or a defect",
    remedy="read what the command said; `miniseal doctor` looks for what is missing",
)
_WIDTH = 100
_OUTPUT_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A folder to play in, and somebody to tell.

    Attributes:
        examples: the folder with the example programs and the example host.
        folder: everything the story writes is below it.
        say: prints a line.
    """

    examples: Path
    folder: Path
    say: Callable[[str], None]

    def title(self, text: str) -> None:
        """Begin a scene."""
        self.say(f"\n== {text}")

    def run(self, *words: str) -> Members:
        """A `miniseal` command that must succeed; its result.

        Raises:
            EnvironmentalError: `demo-broken`.
        """
        document = self._command(words)
        if document.value("ok") is not True:
            error = json.dumps(document.value("error"))
            raise DEMO_BROKEN(f"miniseal {words[0]} failed", found=error)
        return document.child("result")

    def refused(self, code: str, *words: str) -> str:
        """A `miniseal` command that must be refused with this code; the code.

        Raises:
            EnvironmentalError: `demo-broken`.
        """
        document = self._command(words)
        if document.value("ok") is True:
            raise DEMO_BROKEN(f"miniseal {words[0]} was not refused", expected=code)
        error = document.child("error")
        if error.string("code") != code:
            raise DEMO_BROKEN(
                f"miniseal {words[0]} was refused for another reason",
                found=f"{error.string('code')}: {error.string('message')}",
                expected=code,
            )
        self.say(f"  refused   {code}: {error.string('message')}")
        for name in ("found", "expected"):
            if name in error:
                self.say(f"  {name + ':':<9} {error.string(name)}"[:_WIDTH])
        return code

    def host(self, *words: str) -> None:
        """The example host, which must run the program.

        Raises:
            EnvironmentalError: `demo-broken`.
        """
        script = self.examples / "host" / "host.py"
        self._show("python", script, *words)
        done = subprocess.run(
            [sys.executable, script, *words], stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:
            raise DEMO_BROKEN(f"the host ended with exit code {done.returncode}")
        for line in done.stdout.splitlines():
            self.say(f"  the program says  {line}")

    def _command(self, words: tuple[str, ...]) -> Members:
        self._show("miniseal", *words)
        done = subprocess.run(
            [sys.executable, "-m", "miniseal.cli", *words, "--json"],
            stdout=subprocess.PIPE,
            check=False,
        )
        try:
            value = loads(done.stdout, limit=_OUTPUT_LIMIT, what="output", floats=True)
        except FormatError as error:
            ended = f"exit code {done.returncode}"
            raise DEMO_BROKEN(f"miniseal {words[0]} said nothing readable", found=ended) from error
        return Members(value, "output", DEMO_BROKEN)

    def _show(self, *words: str | Path) -> None:
        here = f"{Path.cwd()}/"
        self.say("  $ " + " ".join(str(word).replace(here, "") for word in words))
