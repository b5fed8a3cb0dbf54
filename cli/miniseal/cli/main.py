"""The `miniseal` program: finds the command, runs it, turns every ending into an exit code.

Exit codes: 0 done; 1 a check said no; 2 usage, own files, tools, or something unexpected;
130 interrupted. A traceback is shown only with `MINISEAL_TRACEBACK=1`.
"""

import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Sequence
from types import FrameType

try:
    import click
except ModuleNotFoundError:
    sys.stderr.write("error: the command line needs the extra `cli`: install miniseal[all]\n")
    sys.exit(2)

from miniseal.cli import commands
from miniseal.cli.outcome import show_error
from miniseal.formats.errors import Code, EnvironmentalError, MinisealError, UsageError

__all__ = ["INTERRUPTED", "SYSTEM_REFUSED", "UNEXPECTED", "USAGE", "cli", "main", "run"]

UNEXPECTED = Code(
    "unexpected",
    EnvironmentalError,
    meaning="something happened that the program has no word for; nothing was accepted",
    cause="a defect in miniseal, or in something it stands on",
    remedy="run again with MINISEAL_TRACEBACK=1 and report what it prints",
)
SYSTEM_REFUSED = Code(
    "system-refused",
    EnvironmentalError,
    meaning="the operating system refused something; nothing was accepted",
    cause="a full disk, missing rights, a path that is too long, or a closed output",
    remedy="correct what the message names, then run again",
)
INTERRUPTED = Code(
    "interrupted",
    EnvironmentalError,
    meaning="the command was ended before it was done; what was not finished has no effect",
    cause="Ctrl-C, or a TERM signal",
    remedy="run it again",
)
USAGE = Code(
    "usage",
    UsageError,
    meaning="the words of the command line are wrong",
    cause="an unknown command or option, or a missing argument",
    remedy="see the command's --help",
)
_INTERRUPTED = 130


class _Commands(click.Group):
    """Commands are the modules of `miniseal.cli.commands`; only the one that runs is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        command: click.Command = module.command
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="miniseal", prog_name="miniseal")
def cli() -> None:
    """Build, prove and load mini-programs."""


def main(arguments: Sequence[str] | None = None, program: click.Command = cli) -> int:
    """Run the command line, or another `program` the same way, and return the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    schema = "miniseal/error/v1" if "--json" in words else None
    try:
        return int(program.main(words, prog_name="miniseal", standalone_mode=False) or 0)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except SystemExit:  # click's answer to a closed stdout
        return 2
    except (click.Abort, KeyboardInterrupt):
        show_error(INTERRUPTED("interrupted"), schema)
        return _INTERRUPTED
    except Exception as error:
        if os.environ.get("MINISEAL_TRACEBACK"):
            raise
        show_error(_named(error), schema)
        return 2


def _named(error: Exception) -> MinisealError:
    """What got here without a code of its own."""
    if isinstance(error, click.ClickException):
        return USAGE(" ".join(error.format_message().split()).rstrip("."))
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return SYSTEM_REFUSED(f"{error.strerror or error}{place}")
    return UNEXPECTED(f"unexpected {type(error).__name__}: {error}")


def _terminate(_: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does at this moment.

    While an event loop runs that is to cancel its task. To raise there could leave a lock of the
    standard library taken for ever, and the clean-up would wait for it.
    """
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)


def run() -> None:
    """The console script; TERM ends it as Ctrl-C does, so that nothing is left behind."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = main()
        if sys.stdout is not None:  # as it is where it was closed from the start
            sys.stdout.flush()
    except OSError:
        if os.environ.get("MINISEAL_TRACEBACK"):
            raise
        # the output is full or closed, so nobody can be told, not even by the interpreter's flush
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        code = 2
    sys.exit(code)
