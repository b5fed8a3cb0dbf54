"""What an engine's errors mean, in one sentence each.

Dagger tells every failure of a build, of a transfer and of itself as text. The text is kept, cut
to what a person can read; only a full disk is looked for in it, since it is nobody's mistake.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines.process import ENGINE_FAILED

__all__ = ["explained", "fault"]

_FULL = "no space left on device"
_SAID_LIMIT = 2000


@asynccontextmanager
async def explained() -> AsyncGenerator[None]:
    """Turn what the SDK raises within the block into `engine-failed`."""
    import dagger  # slow: it is loaded by the first who speaks to an engine

    try:
        yield
    except dagger.ExecError as error:
        said = f"{error.stdout}\n{error.stderr}".strip()
        raise fault(str(error), said) from error
    except dagger.QueryError as error:
        raise fault(str(error)) from error
    except dagger.DaggerError as error:
        raise ENGINE_FAILED(
            "the engine was lost", found=_short(str(error) or type(error).__name__)
        ) from error


def fault(text: str, said: str = "") -> MinisealError:
    """The error for what an engine answered; `said` is what the failed command printed."""
    if _FULL in f"{text}\n{said}".lower():
        return ENGINE_FAILED("the engine has no space left on its disk", found=_short(text))
    return ENGINE_FAILED("the engine said no", found=_short(f"{text}\n{said}" if said else text))


def _short(text: str) -> str:
    """The end of a text, which is where the reason is."""
    text = text.strip()
    return text if len(text) <= _SAID_LIMIT else f"...{text[-_SAID_LIMIT:]}"
