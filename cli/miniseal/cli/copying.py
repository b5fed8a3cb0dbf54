"""What `push`, `pull` and `copy` share: one way from a store to another."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import click

from miniseal.cli import access, progress
from miniseal.cli.access import REFERENCE_INCOMPLETE
from miniseal.cli.outcome import Outcome
from miniseal.formats.reference import Reference
from miniseal.pipeline.events import Events
from miniseal.pipeline.printable import size
from miniseal.registry import Store
from miniseal.registry.copy import Copied, Root, copy

__all__ = ["Copying", "Told", "options", "run"]

_STAGES = {
    "find": "manifests",
    "blobs": "bytes",
    "manifests": "manifests",
    "check": "subjects",
    "tag": "tags",
}
"""The stages of a copy, and what each counts."""

_PAUSE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """What the command line asks for.

    Attributes:
        source: a reference.
        destination: a reference.
        everything: all tags of the source.
        tags: more names for what is copied.
        referrers: with the evidence.
        force: let tags move.
        parallel: how many things are done at a time.
        progress: how it is shown.
    """

    source: str
    destination: str
    everything: bool
    tags: tuple[str, ...]
    referrers: bool
    force: bool
    parallel: int
    progress: str


_OPTIONS = (
    click.argument("source"),
    click.argument("destination"),
    click.option(
        "--all", "everything", is_flag=True, help="All tags of SOURCE, each under its own name."
    ),
    click.option(
        "--tag", "tags", multiple=True, metavar="NAME", help="One more tag at DESTINATION."
    ),
    click.option(
        "--referrers/--no-referrers",
        default=True,
        show_default=True,
        help="Copy the evidence as well, and what refers to that.",
    ),
    click.option("--force", is_flag=True, help="Let tags at DESTINATION move."),
    click.option(
        "--parallel",
        type=click.IntRange(1, 32),
        default=4,
        show_default=True,
        help="How many things are sent at a time.",
    ),
    access.options,
    progress.option,
)


def options(command: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Give `command` the arguments and options that make a `Copying`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run(asked: Copying) -> Outcome:
    """Copy as asked.

    Raises:
        UsageError: `reference-malformed`, `reference-incomplete`; and what `registry.copy` raises.
    """
    source, destination = Reference.parse(asked.source), Reference.parse(asked.destination)
    _check(asked, source, destination)
    store = access.open_store(source)
    target = access.open_store(destination)
    roots = _roots(asked, store, source, destination)
    with progress.view(asked.progress, steps=tuple(_STAGES)) as events:
        done = copy(
            store,
            target,
            roots,
            referrers=asked.referrers,
            force=asked.force,
            parallel=asked.parallel,
            watch=Told(events),
        )
    return _outcome(asked, roots, done)


def _check(asked: Copying, source: Reference, destination: Reference) -> None:
    if destination.digest:
        raise click.UsageError("DESTINATION has a digest; what is copied keeps its own")
    named = source.tag or source.digest
    if asked.everything and (named or destination.tag or asked.tags):
        raise click.UsageError("--all is for repositories, without a tag or a digest")
    if not asked.everything and not named:
        raise REFERENCE_INCOMPLETE(
            "SOURCE has no tag and no digest",
            found=asked.source,
            hint="add :TAG or @sha256:.., or give --all",
        )


def _roots(
    asked: Copying, store: Store, source: Reference, destination: Reference
) -> Sequence[Root]:
    if asked.everything:
        found: dict[str, Root] = {}
        for tag, descriptor in store.tags().items():
            known = found.get(descriptor.digest, Root(descriptor=descriptor))
            found[descriptor.digest] = replace(known, tags=(*known.tags, tag))
        return list(found.values())
    first = destination.tag or source.tag
    tags = dict.fromkeys((*((first,) if first else ()), *asked.tags))
    descriptor = store.resolve(source.digest or source.tag or "")
    return [Root(descriptor=descriptor, tags=tuple(tags))]


def _outcome(asked: Copying, roots: Sequence[Root], done: Copied) -> Outcome:
    content = {tag: root.descriptor.digest for root in roots for tag in root.tags}
    return Outcome(
        result={
            "from": asked.source,
            "to": asked.destination,
            "digests": [root.descriptor.digest for root in roots],
            "tags": content,
            "manifests": done.manifests,
            "referrers": done.referrers,
            "blobs": done.blobs,
            "size": done.size,
            "sent": done.sent,
        },
        lines=(
            f"{asked.destination}: {_counted(done)}",
            *(f"  {root.descriptor.digest}  {', '.join(root.tags)}".rstrip() for root in roots),
        ),
    )


def _counted(done: Copied) -> str:
    return (
        f"{done.manifests} manifests, {done.referrers} of them referrers, {done.blobs} blobs, "
        f"{size(done.size)}, {size(done.sent)} of that sent"
    )


class Told:
    """Tells of a copy as of a release: each stage is a step."""

    def __init__(self, events: Events, clock: Callable[[], float] = time.monotonic) -> None:
        """Tell `events`; `clock` gives seconds, from any beginning."""
        self._events = events
        self._clock = clock

    @contextmanager
    def stage(self, name: str, total: int | None) -> Generator[Callable[[int], None]]:
        """A step; how far it is comes ten times a second at most."""
        count, told = 0, self._clock()
        unit = _STAGES[name]

        def done(more: int) -> None:
            nonlocal count, told
            count += more
            now = self._clock()
            if now - told >= _PAUSE:
                told = now
                known = {} if total is None else {"total": total}
                self._events.emit(name, "progress", done=count, unit=unit, **known)

        with self._events.step(name) as facts:
            yield done
            facts[unit] = count
