"""Documentation that is run: the fenced blocks of a page, in order, as a reader would type them.

    ```sh        is run by bash, all blocks of a page in one shell, in the folder of the test
    ```python    is run after these, all blocks of a page as one program
    ```text      is what the block before it prints: its lines in this order, `...` for anything

A block after `<!-- not run: REASON -->` is for the reader alone. A command that ends in
`# refused: CODE` has to end with 1 or 2 and to name the code.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks", "misses", "run_page"]

_FENCE = re.compile(
    r"^(?P<mark><!-- not run: [^\n]+ -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_REFUSED = re.compile(r"^(?P<command>.*?)\s+# refused: (?P<code>[a-z-]+)$", re.DOTALL)
_PROLOGUE = """\
set -euo pipefail
refused() {
  local code=$1 status=0 said
  shift
  said=$("$@" 2>&1) || status=$?
  printf '%s\\n' "$said"
  if [[ $status != [12] || $said != *"[$code]"* ]]; then
    echo "expected a refusal with $code, got exit code $status"
    exit 99
  fi
}
"""
_MARK = "@@ end of block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block.

    Attributes:
        kind: the word after the fence.
        text: what is in it.
        line: where it begins.
        run: whether a test runs it.
    """

    kind: str
    text: str
    line: int
    run: bool


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            kind=match["kind"],
            text=match["text"],
            line=text.count("\n", 0, match.start()) + 1,
            run=match["mark"] is None,
        )
        for match in _FENCE.finditer(text)
    ]


def run_page(page: Path, folder: Path, env: Mapping[str, str]) -> list[tuple[Block, str]]:
    """Run a page in `folder`; every `text` block that was run, with what was printed before it.

    Raises:
        AssertionError: a block failed, or was not refused as it says.
    """
    wanted = [block for block in blocks(page) if block.run and block.kind in {"sh", "python"}]
    shell = [block for block in wanted if block.kind == "sh"]
    python = [block for block in wanted if block.kind == "python"]
    assert wanted == shell + python, f"{page}: sh after python"
    end = f"print({_MARK!r}, flush=True)\n"
    program = "".join(f"{block.text}\n{end}" for block in python)
    (folder / "page.py").write_text(program, encoding="utf-8")
    script = _PROLOGUE
    script += "".join(f"{_with_refusals(block.text)}echo {_MARK!r}\n" for block in shell)
    script += f"{sys.executable} {shlex.quote(str(folder / 'page.py'))}\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, **env, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=500,
    )
    said = done.stdout.split(f"{_MARK}\n")
    reached = wanted[min(len(said) - 1, len(wanted) - 1)]
    assert done.returncode == 0, f"{page}:{reached.line}: exit code {done.returncode}\n{said[-1]}"
    outputs = {block.line: text for block, text in zip(wanted, said, strict=False)}
    return _expectations(page, outputs)


def misses(expected: str, output: str) -> list[str]:
    """The lines of `expected` that `output` does not have, or not in this order."""
    lines = iter(output.splitlines())
    missing: list[str] = []
    for line in filter(str.strip, expected.splitlines()):
        parts = map(re.escape, line.rstrip().split("..."))
        pattern = re.compile(".*".join(parts) + r"\s*")
        if not any(pattern.fullmatch(found) for found in lines):
            missing.append(line)
            break
    return missing


def _expectations(page: Path, outputs: Mapping[int, str]) -> list[tuple[Block, str]]:
    found: list[tuple[Block, str]] = []
    output: str | None = None
    for block in blocks(page):
        if block.kind == "text" and output is not None:
            found.append((block, output))
        output = outputs.get(block.line) if block.kind != "text" else output
    return found


def _with_refusals(text: str) -> str:
    """The block with `refused CODE` before each command that has to be refused."""
    script = ""
    command = ""
    for line in text.splitlines(keepends=True):
        command += line
        if line.endswith("\\\n"):
            continue
        refused = _REFUSED.match(command.rstrip("\n"))
        script += f"refused {refused['code']} {refused['command']}\n" if refused else command
        command = ""
    return script + command
