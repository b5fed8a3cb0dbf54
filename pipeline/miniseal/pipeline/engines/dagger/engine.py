"""Commands in containers of a Dagger engine, wherever that engine is.

One command is one build of a generated Dockerfile whose only command runs without a network. Tools
and source are uploaded from this machine, the engine knows them by their content, and what leaves a
container passes the same checks as what leaves the local sandbox. No container gets a credential,
a variable of the caller, or a way to ask for one.
"""

import asyncio
import json
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Awaitable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Self

from miniseal.packager import image as base_images
from miniseal.packager.lock import BaseImage
from miniseal.pipeline.engines import outputs, sandbox, staging
from miniseal.pipeline.engines.dagger import answers, dockerfile
from miniseal.pipeline.engines.dagger.answers import Answer
from miniseal.pipeline.engines.dagger.base import Base, Ready
from miniseal.pipeline.engines.dagger.dockerfile import Item
from miniseal.pipeline.engines.dagger.lines import Lines, listening
from miniseal.pipeline.engines.dagger.session import Session
from miniseal.pipeline.engines.engine import Description, Exec, Image, Log, Result
from miniseal.pipeline.engines.jail import PLAN_LIMIT
from miniseal.pipeline.engines.process import ENGINE_FAILED
from miniseal.pipeline.engines.sandbox import Step

if TYPE_CHECKING:
    import dagger

__all__ = ["ISOLATION", "DaggerEngine"]

ISOLATION = "container-without-network"

_PYTHON = sandbox.Python(path=dockerfile.PYTHON, home=None, libraries=None)
_GRACE_SECONDS = 300.0
_LINE_LIMIT = 4096
_TAKEN = "taken"
_LOOK_SECONDS = 0.2


class DaggerEngine:
    """An `Engine` of containers; a context manager that ends its session at the end."""

    def __init__(
        self,
        images: Sequence[BaseImage],
        *,
        environ: Mapping[str, str],
        archive: Path | None = None,
        platform: str | None = None,
        start_seconds: float = 15.0,
    ) -> None:
        """Only remember: the session is opened by the first command.

        Args:
            images: the lock's base images.
            environ: where engine and command line are, as Dagger's own variables say it.
            archive: a file to take the base image from, instead of the lock's registry.
            platform: of the containers; this machine's by default, for which its tools are.
            start_seconds: how long an engine that runs already may take to open a session.
        """
        platform = platform or base_images.platform()
        self._base = Base(images=tuple(images), archive=archive, platform=platform)
        self._folder = Path(tempfile.mkdtemp(prefix="miniseal-")).resolve()
        empty = self._folder / "session"
        empty.mkdir()
        self._session = Session(
            environ, empty, prepare=self._base.ready, start_seconds=start_seconds
        )
        self._close = weakref.finalize(self, _close, self._session, self._folder)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the session and remove the scratch folder, outputs included."""
        self._close()

    def describe(self) -> Description:
        """`dagger`, with the base image, and the engine's version once a command has run."""
        return Description(
            name="dagger",
            isolation=ISOLATION,
            version=self._session.version,
            images=tuple(
                Image(name=image.name, digest=image.digest)
                for image in self._base.images
                if image.platform == self._base.platform
            ),
        )

    @property
    def python(self) -> str:
        """The interpreter, as a command's `argv[0]`."""
        return dockerfile.PYTHON

    async def run(
        self,
        exec: Exec,  # noqa: A002 - the word of the protocol
        log: Log | None = None,
    ) -> Result:
        """Run one command; cancelling it ends its container.

        Raises:
            EnvironmentalError: `engine-failed`, `exec-timeout`, `dagger-missing`,
                `dagger-unreachable`, `dagger-version`, `base-image-unavailable`,
                `base-image-unusable`.
            UsageError: `base-image-missing`.
            FormatError: `base-image-malformed`.
            VerificationError: `output-missing`, `output-refused`, `base-image-mismatch`.
        """
        stage = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            async with listening(stage.with_suffix(".lines"), log) as lines:
                result = await self._run(exec, stage, lines)
        except OSError as error:
            raise ENGINE_FAILED(f"the engine failed: {error}") from error
        finally:
            await asyncio.to_thread(staging.remove, stage)
        if log is not None and not lines.came:
            for line in (*result.stdout.splitlines(), *result.stderr.splitlines()):
                log(line[:_LINE_LIMIT].decode("utf-8", "replace").rstrip())
        return result

    async def _run(self, command: Exec, stage: Path, lines: Lines) -> Result:
        if command.network:
            raise ENGINE_FAILED("no container has a network")
        await asyncio.to_thread(self._base.check)
        placed = await asyncio.to_thread(_prepare, command, stage)

        async def work(client: "dagger.Client", base: Ready) -> Answer:
            text = dockerfile.text(placed, base.system, lines=lines.socket is not None)
            context = _context(client, base, placed, stage).with_new_file("Dockerfile", text)
            socket = client.host().unix_socket(str(lines.socket)) if lines.socket else None
            return await _build(context.docker_build(ssh=socket), command, stage)

        try:
            async with asyncio.timeout(command.timeout_seconds + _GRACE_SECONDS):
                answer = await self._session.call(work)
        except TimeoutError as error:
            raise ENGINE_FAILED("the engine did not end a command in time") from error
        keep = Path(tempfile.mkdtemp(dir=self._folder))
        steps = tuple(
            Step("rw", path, str(stage / _TAKEN / str(number)))
            for number, path in enumerate(command.outputs)
        )
        folders = await asyncio.to_thread(outputs.collect, command, steps, keep)
        return Result(
            exit_code=answer.exit_code,
            stdout=answer.stdout,
            stderr=answer.stderr,
            outputs=folders,
        )


def _close(session: Session[Ready], folder: Path) -> None:
    session.close()
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(command: Exec, stage: Path) -> tuple[Item, ...]:
    """Everything that is uploaded with a command, below `stage`, but for its read-only inputs.

    Raises:
        EnvironmentalError: `engine-failed`.
        OSError: an input cannot be read, or the disk is full.
    """
    steps = staging.mounts(command, stage)
    placed = dockerfile.items(steps, stage)
    for name in (dockerfile.ACCOUNTS, dockerfile.LEFT, dockerfile.PROGRAM):
        (stage / name).mkdir()
    for name, content in sandbox.ACCOUNTS.items():
        (stage / dockerfile.ACCOUNTS / name).write_text(content, encoding="ascii")
    engines = resources.files("miniseal.pipeline.engines")
    for program in (engines / "jail.py", engines / "dagger" / "inside.py"):
        (stage / dockerfile.PROGRAM / program.name).write_bytes(program.read_bytes())
    plan = json.dumps(_plan(command))
    (stage / dockerfile.PROGRAM / "plan.json").write_text(plan, encoding="utf-8")
    return placed


def _plan(command: Exec) -> dict[str, object]:
    """What `inside.py` reads; no two are the same, so that no command's end is remembered."""
    jail = {
        "argv": list(command.argv),
        "env": sandbox.environment(_PYTHON, command.env),
        "cwd": command.cwd,
    }
    length = len(json.dumps(jail)) + 1
    if length > PLAN_LIMIT:
        raise ENGINE_FAILED(
            "the command's words and environment are too long",
            found=f"{length} bytes",
            expected=f"at most {PLAN_LIMIT}",
        )
    return {
        "jail": jail,
        "seconds": command.timeout_seconds,
        "aged": {
            mount.path: mount.modified
            for mount in command.inputs
            if mount.writable and mount.host.is_dir()
        },
        "outputs": list(command.outputs),
        "answer": dockerfile.ANSWER,
        "lines": dockerfile.LINES,
        "unique": uuid.uuid4().hex,
    }


def _context(
    client: "dagger.Client", base: Ready, placed: Sequence[Item], stage: Path
) -> "dagger.Directory":
    """The build's context: what changes least comes first, since the engine keeps what it knows."""
    host = client.host()
    context = client.directory().with_directory(dockerfile.BASE, base.files)
    for item in placed:
        if item.writable:
            continue
        # a folder is read again each time: the engine would take it for the one it was before
        if item.is_folder:
            content = host.directory(str(item.host), no_cache=True)
            owned = client.directory().with_directory("/", content, owner=dockerfile.OWNER)
            context = context.with_directory(item.name, owned)
        else:
            file = host.file(str(item.host), no_cache=True)
            context = context.with_file(item.name, file, owner=dockerfile.OWNER)
    return context.with_directory("/", host.directory(str(stage), no_cache=True))


async def _build(built: "dagger.Container", command: Exec, stage: Path) -> Answer:
    """Run the command, read what it left, and bring its outputs here.

    Raises:
        EnvironmentalError: `engine-failed`, `exec-timeout`.
        VerificationError: `output-refused`.
    """
    import dagger

    if not await built.exists(
        dockerfile.ANSWER,
        expected_type=dagger.ExistsType.REGULAR_TYPE,
        do_not_follow_symlinks=True,
    ):  # reading a pipe would never end
        raise ENGINE_FAILED("the container's answer is no file")
    file = built.file(dockerfile.ANSWER)
    size = await file.size()
    if size > answers.LIMIT:
        raise ENGINE_FAILED("the container says too much", found=f"{size} bytes")
    answer = answers.read(await file.contents(), command)
    (stage / _TAKEN).mkdir()
    for number, path in enumerate(command.outputs):
        if path in answer.folders:
            target = stage / _TAKEN / str(number)
            await _watched(built.directory(path).export(str(target)), command, stage / _TAKEN)
    return answer


async def _watched(exporting: Awaitable[object], command: Exec, folder: Path) -> None:
    """Let outputs come into a folder until they are there, or too large: sizes may be lies.

    Raises:
        VerificationError: `output-refused`.
    """
    export = asyncio.ensure_future(exporting)
    try:
        is_done = False
        while not is_done:
            done, _ = await asyncio.wait({export}, timeout=_LOOK_SECONDS)
            is_done = bool(done)
            await asyncio.to_thread(outputs.check_size, folder, command)
        await export
    finally:
        export.cancel()
