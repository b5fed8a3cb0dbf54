"""`miniseal discover`: what refers to content, and what refers to that."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from miniseal.cli import access, host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.bundle import PREDICATE_ANNOTATION
from miniseal.formats.oci import Descriptor
from miniseal.registry import Store
from miniseal.registry.graph import GRAPH_LIMIT, MOST_MANIFESTS

__all__ = ["command"]

_MOST_DEPTH = 32


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
    level, count = [tree], 1
    for _ in range(_MOST_DEPTH):
        for branch in level:
            found = store.referrers(branch.descriptor)
            branch.referrers.extend(_Branch(descriptor=each) for each in found)
            count += len(found)
            if count > MOST_MANIFESTS:
                raise GRAPH_LIMIT("too much to show", expected=f"at most {MOST_MANIFESTS}")
        level = [each for branch in level for each in branch.referrers]
        if not level:
            return tree
    raise GRAPH_LIMIT("referrers of referrers go on and on", expected=f"at most {_MOST_DEPTH}")


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
        yield f"{indent}{what}  {each.descriptor.digest}"
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
