"""What the building commands share: engines, caches, and how a package reads."""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from miniseal.cli import access, progress
from miniseal.cli.building import Building
from miniseal.cli.files import read_file
from miniseal.formats.errors import Code, UsageError
from miniseal.formats.reference import Reference
from miniseal.packager import Lock, Packed
from miniseal.pipeline.engines.choose import choose
from miniseal.pipeline.engines.engine import Engine
from miniseal.pipeline.engines.local import LocalEngine, detect
from miniseal.pipeline.events import Events
from miniseal.pipeline.graph import StepCache
from miniseal.pipeline.release import Workshop
from miniseal.pipeline.tools.cache import ToolCache
from miniseal.registry import Store

__all__ = [
    "DESTINATION_UNUSABLE",
    "cache_folder",
    "open_target",
    "open_workshop",
    "packed_lines",
    "packed_result",
    "step_cache",
    "tool_cache",
]

_OURS = ("ACTIONS_ID_TOKEN_", "DOCKER_AUTH_", "MINISEAL_", "SIGSTORE_ID_TOKEN")
"""How the names of variables begin that passwords and tokens are in."""

DESTINATION_UNUSABLE = Code(
    "destination-unusable",
    UsageError,
    meaning="what is built or released has no repository to go to",
    cause="neither the command line nor [publish] to names one, or it has a tag or a digest",
    remedy="name a repository alone, as oci:DIR: the tags are made from the version",
)


def open_target(text: str | None) -> Store:
    """The store that something is written to.

    Raises:
        UsageError: `destination-unusable`, `reference-malformed`.
    """
    if text is None:
        raise DESTINATION_UNUSABLE("no destination is given")
    reference = Reference.parse(text)
    if reference.tag or reference.digest:
        raise DESTINATION_UNUSABLE("a destination has no tag and no digest", found=text)
    return access.open_store(reference)


@contextmanager
def open_workshop(project: Path, options: Building, events: Events) -> Generator[Workshop]:
    """Engines and caches as the command line asks for them.

    Raises:
        UsageError: `engine-unknown`, `lock-invalid`.
    """
    if options.unsafe_no_isolation:
        progress.warn("nothing keeps the toolchain from this machine", options.progress, events)
    with ExitStack() as stack:
        local = stack.enter_context(LocalEngine(None if options.unsafe_no_isolation else detect()))
        yield Workshop(
            engine=_engine(project, options, local, stack),
            local=local,
            tools=tool_cache(),
            events=events,
            cache=None if options.no_cache else step_cache(),
            again=options.again,
            explain=options.explain,
            unsafe_no_isolation=options.unsafe_no_isolation,
        )


def _engine(project: Path, options: Building, local: LocalEngine, stack: ExitStack) -> Engine:
    """The engine that is asked for; Dagger's needs the project's lock before anything is built."""
    if choose(options.engine, os.environ) == "local":
        return local
    from miniseal.pipeline.engines.dagger import DaggerEngine

    lock = Lock.from_toml(read_file(project / "miniseal.lock"))
    engine = DaggerEngine(lock.images, environ=os.environ, archive=options.base_image)
    return stack.enter_context(engine)


def cache_folder() -> Path:
    """Where fetched tools and results of steps are kept: `MINISEAL_CACHE`, else the user's."""
    from platformdirs import user_cache_path  # slow, and not always needed

    named = os.environ.get("MINISEAL_CACHE")
    return Path(named) if named else user_cache_path("miniseal")


def tool_cache() -> ToolCache:
    """The cache of fetched tools; what fetches them sees no secret that Miniseal reads."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    return ToolCache(folder=cache_folder() / "tools", environ=environ)


def step_cache() -> StepCache | None:
    """The cache of steps' results: `MINISEAL_STEP_CACHE`, where `off` is none."""
    named = os.environ.get("MINISEAL_STEP_CACHE")
    if named == "off":
        return None
    return StepCache(Path(named) if named else cache_folder() / "steps")


def packed_result(packed: Packed) -> dict[str, object]:
    """What was packed, for `--json`."""
    manifest = packed.config.manifest
    return {
        "app_id": manifest.app_id,
        "version": {"code": manifest.version_code, "name": manifest.version_name},
        "package": packed.package.descriptor.digest,
        "wasm_artifact": packed.wasm.descriptor.digest,
        "image": packed.image.descriptor.digest,
        "warnings": list(packed.warnings),
    }


def packed_lines(packed: Packed, *, tagged: bool = True) -> tuple[str, ...]:
    """What was packed, for people; with the tags where it has them."""
    manifest = packed.config.manifest
    return (
        f"{manifest.app_id} {manifest.version_name} (code {manifest.version_code})",
        *(
            f"  {what:<8} {built.descriptor.digest}" + (f"  {built.tag}" if tagged else "")
            for what, built in (
                ("package", packed.package),
                ("wasm", packed.wasm),
                ("image", packed.image),
            )
        ),
    )
