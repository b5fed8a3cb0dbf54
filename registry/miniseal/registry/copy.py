"""From any store to any other, with all that belongs to it.

Blobs go through in chunks, some at a time; then manifests, parts before wholes and subjects before
their referrers; then everything is looked for where it should be now; tags come last. What is
there already is not sent again, so that a copy which was cut off goes on where it was. Nothing is
decided by what content says about itself, and nothing is verified but digests.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from miniseal.formats.errors import Code, EnvironmentalError, FormatError, VerificationError
from miniseal.formats.oci import MANIFEST_LIMIT, Descriptor
from miniseal.registry.checked import checked
from miniseal.registry.graph import Graph, walk
from miniseal.registry.layout import LayoutStore
from miniseal.registry.remote import RegistryStore
from miniseal.registry.store import CONTENT_MISSING, TAG_EXISTS, Content, Store, check_tag

__all__ = ["COPY_INCOMPLETE", "Copied", "Root", "Watch", "copy"]

COPY_INCOMPLETE = Code(
    "copy-incomplete",
    EnvironmentalError,
    meaning="a store took content, and does not have it afterwards",
    cause="a registry that loses writes, or somebody who removes content at the same time",
    remedy="run the command again: what is there is not sent again; no tag was set",
)

_T = TypeVar("_T")


class Watch(Protocol):
    """Is told how far a copy is."""

    def stage(self, name: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """A stage of the work, for a block; what it gives takes how much more was done.

        Args:
            name: `find`, `blobs`, `manifests`, `check` or `tag`.
            total: how much there is to do: bytes for `blobs`, else pieces; None if unknown.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Something to copy.

    Attributes:
        descriptor: of the manifest.
        tags: that are to name it in the target.
    """

    descriptor: Descriptor
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy came to.

    Attributes:
        manifests: how many belong to what was copied, referrers included.
        referrers: how many of those are referrers.
        blobs: how many belong to them.
        size: of those blobs, in bytes.
        sent: how many bytes of blobs were not there yet.
        tags: that were set, or named it already.
    """

    manifests: int
    referrers: int
    blobs: int
    size: int
    sent: int
    tags: tuple[str, ...]


class _Silent:
    """Watches nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Generator[Callable[[int], None]]:
        del name, total
        yield lambda _: None


class _Stopped(Exception):  # noqa: N818 - not an error: another one ended the work
    """The work was ended elsewhere."""


def copy(
    source: Store,
    target: Store,
    roots: Sequence[Root],
    *,
    referrers: bool = True,
    force: bool = False,
    parallel: int = 4,
    watch: Watch | None = None,
) -> Copied:
    """Let `target` have all that belongs to `roots` in `source`, and then the tags.

    Args:
        source: is read only.
        target: another store; an archive is written whole, or stays as it was.
        roots: what to copy.
        referrers: with what refers to it.
        force: let tags move.
        parallel: how many things are done at a time.
        watch: is told how far it is.

    Raises:
        UsageError: `tag-exists`, before anything is sent; `tag-refused`.
        FormatError, VerificationError: the source has something that is not what it should be.
        EnvironmentalError: `content-missing`, `graph-limit`, `copy-incomplete`, and what the stores
            raise.
    """
    watched = watch or _Silent()
    with _batch(source), _batch(target):
        if not force:
            _check_tags(target, roots)
        with watched.stage("find", None) as done:
            graph = walk(
                source, [root.descriptor for root in roots], referrers=referrers, parallel=parallel
            )
            done(len(graph.nodes))
        sent = _Blobs(source, target, parallel).send(graph, watched)
        listed = _put_manifests(source, target, graph, watched)
        _check_listed(target, listed, watched)
        tags = [(tag, root.descriptor) for root in roots for tag in root.tags]
        with watched.stage("tag", len(tags)) as done:
            for tag, descriptor in tags:
                target.tag(tag, descriptor, force=force)
                done(1)
    return Copied(
        manifests=len(graph.nodes),
        referrers=len({each.digest for node in graph.nodes.values() for each in node.referrers}),
        blobs=len(graph.blobs),
        size=graph.size,
        sent=sent,
        tags=tuple(tag for tag, _ in tags),
    )


class _Blobs:
    """Sends blobs, some at a time; the first error ends them all."""

    def __init__(self, source: Store, target: Store, parallel: int) -> None:
        self._source = source
        self._target = target
        self._parallel = max(1, parallel)
        self._mount = _mounting(source, target)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sent = 0

    def send(self, graph: Graph, watch: Watch) -> int:
        """Bytes that were not there yet."""
        with watch.stage("blobs", graph.size) as done:

            def add(size: int) -> None:
                with self._lock:
                    done(size)

            self._run(iter([partial(self._send, blob, add) for blob in graph.blobs]))
        return self._sent

    def _run(self, work: Iterator[Callable[[], None]]) -> None:
        """Do all of it, by threads that take one piece after the other."""

        def take() -> Callable[[], None] | None:
            with self._lock:
                return None if self._stopping.is_set() else next(work, None)

        def loop() -> None:
            while (each := take()) is not None:
                each()

        pool = ThreadPoolExecutor(self._parallel)
        try:
            futures = [pool.submit(loop) for _ in range(self._parallel)]
            ended = wait(futures, return_when=FIRST_EXCEPTION).done
            for future in ended:
                future.result()
        finally:
            self._stopping.set()
            pool.shutdown()

    def _send(self, blob: Descriptor, add: Callable[[int], None]) -> None:
        told = 0

        @contextmanager
        def content() -> Generator[Iterator[bytes]]:
            nonlocal told
            add(-told)  # of an attempt that failed
            told = 0
            with self._source.stream(blob) as chunks:
                yield checked(chunks, blob).watched(count)

        def count(chunk: bytes) -> None:
            nonlocal told
            if self._stopping.is_set():
                raise _Stopped
            told += len(chunk)
            add(len(chunk))

        if self._mount is None or not self._mount(blob):
            self._put(blob, content)
        with self._lock:
            self._sent += told
        add(blob.size - told)

    def _put(self, blob: Descriptor, content: Content) -> None:
        self._target.put_stream(blob, content)
        if not self._target.has(blob):
            raise COPY_INCOMPLETE("the target lacks a blob that it took", found=blob.digest)


def _batch(store: Store) -> AbstractContextManager[None]:
    return store.batch() if isinstance(store, LayoutStore) else nullcontext()


def _mounting(source: Store, target: Store) -> Callable[[Descriptor], bool] | None:
    """How a registry takes a blob over from another of its repositories; None if it cannot."""
    if (
        isinstance(source, RegistryStore)
        and isinstance(target, RegistryStore)
        and source.host == target.host
        and source.repository != target.repository
    ):
        return lambda blob: target.mount(blob, source.repository)
    return None


def _put_manifests(source: Store, target: Store, graph: Graph, watch: Watch) -> dict[str, set[str]]:
    """Put what is not there yet; gives the referrers that were put, by their subject."""
    subjects = {
        each.digest: node.descriptor for node in graph.nodes.values() for each in node.referrers
    }
    listed: dict[str, set[str]] = {}
    put: dict[str, set[str]] = {}
    with watch.stage("manifests", len(graph.nodes)) as done:
        for node in graph.ordered():
            digest = node.descriptor.digest
            subject = subjects.get(digest)
            if subject is not None and subject.digest not in listed:
                listed[subject.digest] = _listed(target, subject)
            known = subject is None or digest in listed[subject.digest]
            if not known or not _holds(target, node.descriptor):
                data = source.read(node.descriptor, limit=MANIFEST_LIMIT)
                target.put_manifest(data, node.descriptor.media_type)
                if not _holds(target, node.descriptor):
                    raise COPY_INCOMPLETE("the target lacks a manifest that it took", found=digest)
                if subject is not None:
                    put.setdefault(subject.digest, set()).add(digest)
            done(1)
    return put


def _check_listed(target: Store, put: dict[str, set[str]], watch: Watch) -> None:
    """See that each referrer is found by its subject."""
    with watch.stage("check", len(put)) as done:
        for digest, wanted in put.items():
            found = _listed(target, Descriptor(media_type="", digest=digest, size=0))
            if missing := sorted(wanted - found):
                raise COPY_INCOMPLETE(
                    "the target does not list a referrer that it took",
                    found=f"{len(missing)} of {len(wanted)} are not listed, as {missing[0]}",
                )
            done(1)


def _check_tags(target: Store, roots: Sequence[Root]) -> None:
    for root in roots:
        for tag in root.tags:
            before = _missing_as_none(partial(target.resolve, check_tag(tag)))
            if before is not None and before.digest != root.descriptor.digest:
                raise TAG_EXISTS(
                    f"tag {tag} names other content",
                    found=before.digest,
                    expected=root.descriptor.digest,
                    hint="copy under another tag, or with --force",
                )


def _listed(target: Store, subject: Descriptor) -> set[str]:
    found = _missing_as_none(partial(target.referrers, subject))
    return {each.digest for each in found or ()}


def _holds(target: Store, descriptor: Descriptor) -> bool:
    """Whether a manifest is there, by its bytes."""
    try:
        found = _missing_as_none(partial(target.read, descriptor, limit=MANIFEST_LIMIT))
    except (FormatError, VerificationError):
        return False
    return found is not None


def _missing_as_none(ask: Callable[[], _T]) -> _T | None:
    try:
        return ask()
    except EnvironmentalError as error:
        if error.code != CONTENT_MISSING.name:
            raise
        return None
