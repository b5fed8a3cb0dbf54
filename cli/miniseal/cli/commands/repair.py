"""`miniseal repair`: lists of referrers written anew, from what is really there."""

from collections.abc import Iterable

import click

from miniseal.cli import access
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor
from miniseal.formats.reference import Reference
from miniseal.registry import LayoutStore, Store
from miniseal.registry.graph import GRAPH_LIMIT, MOST_MANIFESTS

__all__ = ["command"]


@click.command("repair", cls=Verb)
@click.argument("reference")
@access.options
def command(reference: str) -> Outcome:
    """List anew what refers to the content at REFERENCE, or to all there is in a repository.

    In a layout or an archive every manifest is looked through, so that evidence comes back which
    another tool's list has lost. A registry has no list of its content: there what is listed is
    checked and listed again; copy from a layout that has the evidence brings back the rest.
    """
    parsed = Reference.parse(reference)
    store = access.open_store(parsed)
    name = parsed.digest or parsed.tag
    if name is None:
        before = {each.digest: (each, _listed(store, each)) for each in store.tags().values()}
        if isinstance(store, LayoutStore):
            store.repair()
            repaired = [(each, was, _listed(store, each)) for each, was in before.values()]
        else:
            repaired = _repair(store, (each for each, _ in before.values()))
    else:
        repaired = _repair(store, [store.resolve(name)])
    return Outcome(
        result={
            "subjects": [
                {"digest": each.digest, "before": was, "after": now} for each, was, now in repaired
            ]
        },
        lines=tuple(
            f"{each.digest}  {now or 0} referrers, before {'unreadable' if was is None else was}"
            for each, was, now in repaired
        )
        or ("there is nothing to repair",),
    )


def _repair(
    store: Store, subjects: Iterable[Descriptor]
) -> list[tuple[Descriptor, int | None, int | None]]:
    """Repair the lists of subjects and of their referrers; of each the numbers before and after."""
    found: list[tuple[Descriptor, int | None, int | None]] = []
    waiting, seen = list(subjects), set[str]()
    while waiting:
        subject = waiting.pop()
        if subject.digest in seen:
            continue
        seen.add(subject.digest)
        if len(seen) > MOST_MANIFESTS:
            raise GRAPH_LIMIT("too much to repair at once", expected=f"at most {MOST_MANIFESTS}")
        before = _listed(store, subject)
        after = store.repair(subject)
        if before or after or len(seen) == 1:
            found.append((subject, before, len(after)))
        waiting += after
    return found


def _listed(store: Store, subject: Descriptor) -> int | None:
    """How many referrers are listed; None where the list cannot be read."""
    try:
        return len(store.referrers(subject))
    except MinisealError:
        return None
