"""Commands as subprocesses of this machine, in the sandbox.

One scratch folder per engine holds copies of writable inputs and the outputs; it goes when the
engine does. Outputs are read only when every process of the command is gone. `LocalEngine(None)`
keeps nothing from the host and is for those who say so aloud; nothing it built should be signed.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.pipeline.engines import outputs, sandbox, staging
from miniseal.pipeline.engines.engine import Description, Exec, Log, Result
from miniseal.pipeline.engines.process import ENGINE_FAILED, run_tree
from miniseal.pipeline.engines.sandbox import Isolation, Step

__all__ = ["ISOLATION_MISSING", "LocalEngine", "detect", "works"]

ISOLATION_MISSING = Code(
    "isolation-missing",
    EnvironmentalError,
    meaning="this machine offers no way to isolate a command",
    cause="neither bubblewrap nor unprivileged user namespaces (Linux 5.12 or newer) work here",
    remedy="install bubblewrap, or allow unprivileged user namespaces",
)


def works(isolation: Isolation) -> bool:
    """Whether a command runs in this isolation here: one is tried."""
    with contextlib.suppress(MinisealError), LocalEngine(isolation) as engine:
        trial = Exec(argv=(engine.python, "-I", "-S", "-c", ""), timeout_seconds=30.0)
        with ThreadPoolExecutor(1) as thread:  # the caller may be in an event loop of its own
            return thread.submit(lambda: asyncio.run(engine.run(trial))).result().exit_code == 0
    return False


def detect() -> Isolation | None:
    """The best isolation that works here, or None."""
    isolations: tuple[Isolation, ...] = ("bwrap", "unshare")
    return next((isolation for isolation in isolations if works(isolation)), None)


class LocalEngine:
    """An `Engine` of subprocesses; a context manager that removes its outputs at the end.

    Attributes:
        isolation: what keeps commands from the host, or None.
    """

    def __init__(self, isolation: Isolation | None) -> None:
        """Find the tool that isolates and make the scratch folder.

        Raises:
            EnvironmentalError: `isolation-missing`, if the tool is not installed.
        """
        self.isolation: Isolation | None = isolation
        self._tool = _find(isolation)
        self._interpreter = sandbox.interpreter(inside=isolation is not None)
        self._scratch = Path(tempfile.mkdtemp(prefix="miniseal-")).resolve()
        self._close = weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the scratch folder, outputs included."""
        self._close()

    def describe(self) -> Description:
        """`local`, and its isolation."""
        return Description(name="local", isolation=self.isolation)

    @property
    def python(self) -> str:
        """The interpreter, as a command's `argv[0]`."""
        return self._interpreter.path

    async def run(
        self,
        exec: Exec,  # noqa: A002 - the word of the protocol
        log: Log | None = None,
    ) -> Result:
        """Run one command; cancelling it kills every process it started.

        Raises:
            EnvironmentalError: `engine-failed`, `exec-timeout`.
            VerificationError: `output-missing`, `output-refused`.
        """
        stage = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            return await self._run(exec, stage, log)
        except OSError as error:
            raise ENGINE_FAILED(f"the engine failed: {error}") from error
        finally:
            await asyncio.to_thread(staging.remove, stage)

    async def _run(self, command: Exec, stage: Path, log: Log | None) -> Result:
        argv, plan, steps = await asyncio.to_thread(self._prepare, command, stage)
        exit_code, stdout, stderr = await run_tree(argv, plan, command.timeout_seconds, log)
        keep = Path(tempfile.mkdtemp(dir=self._scratch))
        folders = await asyncio.to_thread(outputs.collect, command, steps, keep)
        return Result(exit_code=exit_code, stdout=stdout, stderr=stderr, outputs=folders)

    def _prepare(
        self, command: Exec, stage: Path
    ) -> tuple[tuple[str, ...], dict[str, object], tuple[Step, ...]]:
        root = stage / "root"
        root.mkdir()
        base: tuple[Step, ...] = ()
        if self.isolation is None:
            command, steps = staging.relocate(command, root)
        else:
            steps = staging.mounts(command, stage)
            base = sandbox.root_steps(self._interpreter, stage, network=command.network)
        view = sandbox.View(
            isolation=self.isolation,
            python=self._interpreter,
            steps=(*base, *steps),
            network=command.network,
        )
        return view.launcher(self._tool), view.plan(command, root), steps


def _find(isolation: Isolation | None) -> str:
    if isolation is None:
        return sys.executable
    tool = shutil.which(isolation)
    if tool is None:
        raise ISOLATION_MISSING(f"{isolation} is not installed")
    return tool
