"""`miniseal discover`: what refers to content, and what refers to that."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from miniseal.cli import access, host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.bundle import PREDICATE_ANNOTATION
from miniseal.formats.oci import Descriptor
from miniseal.pipeline.printable import one_line
from miniseal.registry import Store
from miniseal.registry.graph import GRAPH_LIMIT, MOST_MANIFESTS
from miniseal.registry.referrers import MOST_BYTES

__all__ = ["command"]

_MOST_DEPTH = 32
_PAIR = 128
"""Bytes that a name and its text take in memory beside themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    """A manifest, and what refers to it."""

    descriptor: Descriptor
    referrers: list["_Branch"] = field(default_factory=list["_Branch"])

    @property
    def predicate_type(self) -> str | None:
        """What its annotation says, which nobody has verified."""
        return self.descriptor.annotations.get(PREDICATE_ANNOTATION)


@click.command("discover", cls=Verb)
@click.argument("reference")
@click.option(
    "--type",
    "kind",
    metavar="TYPE",
    help="Only referrers of this artifact type or predicate type, and what leads to them.",
)
@access.options
def command(reference: str, kind: str | None) -> Outcome:
    """Show what refers to the content at REFERENCE, as a tree; no signature is verified."""
    store, name = host.open_source(reference)
    tree = _grow(store, store.resolve(name))
    if kind is not None:
        tree = _only(tree, kind)
    return Outcome(
        result={"reference": reference, "subject": _json(tree)},
        lines=(
            tree.descriptor.digest,
            *_lines(tree),
            *(("  nothing refers to it",) * _is_bare(tree)),
        ),
    )


def _is_bare(tree: _Branch) -> bool:
    return not tree.referrers


def _grow(store: Store, root: Descriptor) -> _Branch:
    tree = _Branch(descriptor=root)
    level, count, held = [tree], 1, 0
    for _ in range(_MOST_DEPTH):
        for branch in level:
            found = store.referrers(branch.descriptor)
            branch.referrers.extend(_Branch(descriptor=each) for each in found)
            count += len(found)
            held += sum(map(_weight, found))
            if count > MOST_MANIFESTS or held > MOST_BYTES:
                raise GRAPH_LIMIT(
                    "too much to show",
                    found=f"at least {count} referrers with {held} bytes of annotations",
                    expected=f"at most {MOST_MANIFESTS} with {MOST_BYTES}",
                )
        level = [each for branch in level for each in branch.referrers]
        if not level:
            return tree
    raise GRAPH_LIMIT("referrers of referrers go on and on", expected=f"at most {_MOST_DEPTH}")


def _weight(descriptor: Descriptor) -> int:
    return sum(len(name) + len(text) + _PAIR for name, text in descriptor.annotations.items())


def _only(tree: _Branch, kind: str) -> _Branch:
    kept = [_only(each, kind) for each in tree.referrers]
    return _Branch(
        descriptor=tree.descriptor,
        referrers=[
            each
            for each in kept
            if each.referrers or kind in {each.descriptor.artifact_type, each.predicate_type}
        ],
    )


def _lines(tree: _Branch, indent: str = "  ") -> Iterator[str]:
    for each in tree.referrers:
        what = each.predicate_type or each.descriptor.artifact_type or "manifest"
        yield f"{indent}{one_line(what)}  {each.descriptor.digest}"
        yield from _lines(each, f"{indent}  ")


def _json(tree: _Branch) -> dict[str, object]:
    descriptor = tree.descriptor
    return {
        "digest": descriptor.digest,
        "media_type": descriptor.media_type,
        "size": descriptor.size,
        "artifact_type": descriptor.artifact_type,
        "predicate_type": tree.predicate_type,
        "annotations": dict(descriptor.annotations),
        "referrers": [_json(each) for each in tree.referrers],
    }
