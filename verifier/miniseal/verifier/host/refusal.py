"""One line in the audit log for a refused load; nothing else of the state is touched."""

import os
from contextlib import suppress

from miniseal.formats.errors import MinisealError
from miniseal.verifier.host.audit import NOTHING, Anchor, refusal
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.state import State

__all__ = ["log_refusal"]

_LOCK_SECONDS = 1.0


def log_refusal(
    path: str, reader: StateReader, app_id: str, error: MinisealError, now: int
) -> None:
    """Write the line, if there is a state at `path` and its lock is free soon.

    A refusal that differs from the last line in its time alone is not written again: a host that
    tries on and on must not fill the disk.

    Raises:
        MinisealError: if it cannot be written.
    """
    if not os.path.lexists(f"{path}/head.json"):
        return
    state = State(path, reader, os.urandom)
    with state.locked(seconds=_LOCK_SECONDS):
        anchor: Anchor = NOTHING
        with suppress(MinisealError):
            anchor = reader.head().audit
        state.log(anchor, refusal("load", app_id, error, now), repeat=False)
