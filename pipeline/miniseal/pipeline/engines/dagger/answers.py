"""What a container says of its command, read as the words of a stranger.

The command ran as the user who wrote them: it could end as it likes anyway, and these words give it
no more than that.
"""

import binascii
from dataclasses import dataclass

from miniseal.formats.errors import FormatError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.pipeline.engines.engine import STREAM_LIMIT, Exec
from miniseal.pipeline.engines.outputs import ENTRIES_LIMIT, OUTPUT_REFUSED
from miniseal.pipeline.engines.process import ENGINE_FAILED, EXEC_TIMEOUT

__all__ = ["LIMIT", "Answer", "read"]

LIMIT = 1024 * 1024
_DEPTH_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a command ended.

    Attributes:
        exit_code: as `Result` has it.
        stdout: its end.
        stderr: its end.
        folders: those of the outputs that are folders still.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    folders: frozenset[str]


def read(text: str, command: Exec) -> Answer:
    """Read what `inside.py` wrote.

    Raises:
        EnvironmentalError: `engine-failed`, `exec-timeout`.
        VerificationError: `output-refused`.
    """
    try:
        value = loads(text.encode(), limit=LIMIT, what="the container's answer")
    except FormatError as error:
        raise ENGINE_FAILED(error.message) from error
    members = Members(value, "the container's answer", ENGINE_FAILED)
    if "timeout" in members:
        raise EXEC_TIMEOUT(
            "the command took too long", expected=f"at most {command.timeout_seconds:g} seconds"
        )
    if "error" in members:
        raise ENGINE_FAILED("the container lost its command", found=members.string("error")[:500])
    return Answer(
        exit_code=members.integer("exit", most=255),
        stdout=_stream(members, "stdout"),
        stderr=_stream(members, "stderr"),
        folders=_folders(members.child("sizes"), command),
    )


def _stream(members: Members, name: str) -> bytes:
    try:
        text = str(members.value(name))
        return binascii.a2b_base64(text, strict_mode=True)[-STREAM_LIMIT:]
    except ValueError as error:
        raise ENGINE_FAILED(f"the container's {name} is no base64") from error


def _folders(sizes: Members, command: Exec) -> frozenset[str]:
    """The outputs that can be fetched; all together they are no more than may be."""
    measured = {path: sizes.child(path) for path in command.outputs}
    for what, most in (("bytes", command.output_limit), ("entries", ENTRIES_LIMIT)):
        found = sum(size.integer(what) for size in measured.values())
        if found > most:
            raise OUTPUT_REFUSED(
                f"the outputs hold too many {what}", found=str(found), expected=f"at most {most}"
            )
    if any(size.integer("depth") > _DEPTH_LIMIT for size in measured.values()):
        raise OUTPUT_REFUSED(
            "the outputs have folders nested too deeply", expected=f"at most {_DEPTH_LIMIT} levels"
        )
    for size in measured.values():
        if "socket" in size:
            raise OUTPUT_REFUSED(
                f"{size.string('socket')[:500]!r} cannot leave the sandbox",
                found="a socket",
                expected="a file",
            )
    return frozenset(path for path, size in measured.items() if size.value("folder") is True)
