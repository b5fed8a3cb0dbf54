"""One session with a Dagger engine, on an event loop in a thread of its own.

It is opened when it is first needed and closed in bounded time, whatever the engine does. Callers
wait in their own loops; one that is cancelled takes its work with it. `dagger` is imported here
alone and late: it takes most of a second.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from miniseal.pipeline.engines.dagger import cli
from miniseal.pipeline.engines.dagger.faults import explained
from miniseal.pipeline.engines.process import ENGINE_FAILED

if TYPE_CHECKING:
    import dagger

__all__ = ["Session"]

_T = TypeVar("_T")
_Ready = TypeVar("_Ready")
_FETCH_SECONDS = 600.0
_CONNECT_SECONDS = 10.0
_CANCEL_SECONDS = 5.0
_LEAVE_SECONDS = 1.0
_CLOSE_SECONDS = 3.0


class Session(Generic[_Ready]):
    """A session; `close` ends it."""

    def __init__(
        self,
        environ: Mapping[str, str],
        folder: Path,
        *,
        prepare: "Callable[[dagger.Client], Awaitable[_Ready]]",
        start_seconds: float = 15.0,
    ) -> None:
        """Only remember; nothing is started.

        Args:
            environ: where the engine and the command line are.
            folder: an empty one, in which the command line runs.
            prepare: what is done once before all else; everything after it is given the result.
            start_seconds: how long an engine that runs already may take to open a session.
        """
        self._environ = environ
        self._folder = folder
        self._prepare = prepare
        self._start_seconds = start_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opening: asyncio.Task[tuple[dagger.Client, _Ready]] | None = None
        self._leave: Callable[[], Awaitable[None]] | None = None
        self._child: cli.Child | None = None
        self._version: str | None = None

    @property
    def version(self) -> str | None:
        """The engine's, when the session is open."""
        return self._version

    @property
    def child(self) -> int | None:
        """The process of the command line, where one was started."""
        return self._child.pid if self._child else None

    async def call(self, work: "Callable[[dagger.Client, _Ready], Awaitable[_T]]") -> _T:
        """Do something with the engine; its failures are told as `engine-failed`.

        Raises:
            EnvironmentalError: `engine-failed`, `dagger-missing`, `dagger-unreachable`,
                `dagger-version`, and what `prepare` raises.
        """
        ended = threading.Event()
        future = asyncio.run_coroutine_threadsafe(self._guarded(work, ended), self._running())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            await asyncio.to_thread(ended.wait, _CANCEL_SECONDS)
            raise

    async def _guarded(
        self, work: "Callable[[dagger.Client, _Ready], Awaitable[_T]]", ended: threading.Event
    ) -> _T:
        try:
            if self._opening is None:
                self._opening = asyncio.create_task(self._open())
            client, ready = await asyncio.shield(self._opening)
            async with explained():
                return await work(client, ready)
        finally:
            ended.set()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()
        return self._loop

    async def _open(self) -> "tuple[dagger.Client, _Ready]":
        around = cli.joined(self._environ)
        quick = around is not None or cli.is_direct(self._environ)
        limit = self._start_seconds if quick else _FETCH_SECONDS
        try:
            # loading the SDK takes as long as the session takes to start
            params, _ = await asyncio.gather(
                self._params(around, limit), asyncio.to_thread(import_module, "dagger")
            )
            async with asyncio.timeout(self._start_seconds):
                client = await self._connect(params)
                async with explained():
                    version = await client.version()
        except BaseException as error:
            if self._child is not None:
                self._child.kill()  # whoever waits for its line has waited long enough
            if isinstance(error, TimeoutError):
                raise ENGINE_FAILED(
                    "dagger's session did not start in time",
                    found=self._child.said() if self._child else None,
                ) from error
            raise
        cli.check_version(version, "the Dagger engine")
        self._version = version
        return client, await self._prepare(client)

    async def _params(self, around: cli.Params | None, limit: float) -> cli.Params:
        if around is not None:
            return around
        program = await asyncio.to_thread(self._look)
        self._child = cli.Child(program, self._environ, self._folder)
        async with asyncio.timeout(limit):
            return await asyncio.to_thread(self._child.params)

    def _look(self) -> str:
        program = cli.find(self._environ)
        cli.check_version(cli.version_of(program, self._environ), "the dagger command")
        cli.reach(self._environ)
        return program

    async def _connect(self, params: cli.Params) -> "dagger.Client":
        import dagger

        # The SDK's public ways start a command line of their own choice, or take the session from
        # this process's environment, where everything that we start would see its token.
        from dagger.client._config import ConnectConfig
        from dagger.client._session import ConnectParams, SingleConnection

        connection = SingleConnection(
            ConnectParams(port=params.port, session_token=params.token),
            ConnectConfig(timeout=dagger.Timeout(None, connect=_CONNECT_SECONDS), retry=None),
        )
        async with explained():
            await connection.connect()
        self._leave = connection.close
        client: dagger.Client = dagger.Client.from_connection(connection)
        return client

    def close(self) -> None:
        """End the session: in a moment, or in bounded time where the engine is gone."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        with contextlib.suppress(TimeoutError, concurrent.futures.TimeoutError):
            _run(self._abandon(), loop).result(_LEAVE_SECONDS + _CANCEL_SECONDS)
        if self._child is not None:
            self._child.close(_CLOSE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(_LEAVE_SECONDS)
        if not self._thread.is_alive():
            loop.close()

    async def _abandon(self) -> None:
        """Cancel what still runs, and hang up."""
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVE_SECONDS)
        if self._leave is not None:
            with contextlib.suppress(Exception):  # nobody is told: it is over either way
                await asyncio.wait_for(self._leave(), _LEAVE_SECONDS)


def _run(
    work: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop
) -> concurrent.futures.Future[_T]:
    return asyncio.run_coroutine_threadsafe(work, loop)
