"""What belongs to a manifest: its content, its parts, its referrers, and all of theirs.

The store is asked, and only what it proves by digest is followed. Nothing of the content is kept.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.formats.oci import (
    INDEX_TYPES,
    MANIFEST_LIMIT,
    MANIFEST_TYPE,
    MANIFEST_TYPES,
    OCI_MALFORMED,
    Descriptor,
    Index,
    Manifest,
)
from miniseal.registry.ahead import ahead
from miniseal.registry.store import Store

__all__ = ["GRAPH_LIMIT", "MOST_BLOBS", "MOST_MANIFESTS", "MOST_NAMED", "Graph", "walk"]

GRAPH_LIMIT = Code(
    "graph-limit",
    EnvironmentalError,
    meaning="more belongs to a manifest than is copied at once",
    cause="somebody floods the repository with referrers, or an index lists very many manifests",
    remedy="copy tag by tag, or without referrers, and see who may write to the repository",
)

MOST_MANIFESTS = 25_000
MOST_BLOBS = 100_000
MOST_NAMED = 500_000
"""How often manifests may name content and each other: the same blob may be in all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One manifest.

    Attributes:
        descriptor: type, digest and size alone.
        blobs: its config and layers.
        parts: the manifests that it lists, of an index.
        referrers: what refers to it.
    """

    descriptor: Descriptor
    blobs: tuple[Descriptor, ...] = ()
    parts: tuple[Descriptor, ...] = ()
    referrers: tuple[Descriptor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All that belongs to some manifests.

    Attributes:
        nodes: by digest.
        roots: digests of what was asked for.
        blobs: each once, in the order in which they were found.
    """

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    roots: tuple[str, ...] = ()
    blobs: tuple[Descriptor, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all blobs, as their descriptors say."""
        return sum(blob.size for blob in self.blobs)

    def ordered(self) -> Iterator[Node]:
        """Each manifest once: after its parts, and before what refers to it."""
        seen: set[str] = set()
        stack = [(digest, False) for digest in reversed(self.roots)]
        while stack:
            digest, ready = stack.pop()
            node = self.nodes[digest]
            if ready:
                yield node
                continue
            if digest in seen:
                continue
            seen.add(digest)
            stack += [(each.digest, False) for each in reversed(node.referrers)]
            stack.append((digest, True))
            stack += [(each.digest, False) for each in reversed(node.parts)]


def walk(
    store: Store,
    roots: Iterable[Descriptor],
    *,
    referrers: bool = True,
    parallel: int = 4,
    most: int = MOST_MANIFESTS,
) -> Graph:
    """Find all that belongs to `roots`; with their referrers, and the referrers of those.

    Args:
        store: is read.
        roots: manifests.
        referrers: whether to look for them.
        parallel: how many manifests are looked at at a time.
        most: how many there may be.

    Raises:
        FormatError: `oci-malformed`, `json-malformed`, `digest-malformed`, `too-large`.
        VerificationError: `digest-mismatch`.
        EnvironmentalError: `graph-limit`, `referrers-limit`, `content-missing`.
    """
    nodes: dict[str, Node] = {}
    blobs: dict[tuple[str, int], Descriptor] = {}
    first = level = _unknown(roots, nodes)
    look = partial(_look, store, referrers=referrers)
    named = 0
    while level:
        below: dict[str, Descriptor] = {}
        with closing(ahead(look, level, parallel=max(1, parallel))) as found:
            for node in found:
                nodes[node.descriptor.digest] = node
                blobs |= {(blob.digest, blob.size): blob for blob in node.blobs}
                below |= {each.digest: each for each in (*node.parts, *node.referrers)}
                named += len(node.blobs) + len(node.parts) + len(node.referrers)
                _check_bounds(max(len(nodes), len(below)), len(blobs), named, most)
        level = _unknown(below.values(), nodes)
        _check_bounds(len(nodes) + len(level), len(blobs), named, most)
    return Graph(nodes=nodes, roots=tuple(d.digest for d in first), blobs=tuple(blobs.values()))


def _look(store: Store, descriptor: Descriptor, *, referrers: bool) -> Node:
    data = store.read(descriptor, limit=MANIFEST_LIMIT)
    blobs: tuple[Descriptor, ...] = ()
    parts: tuple[Descriptor, ...] = ()
    if descriptor.media_type in INDEX_TYPES:
        parts = Index.from_bytes(data, descriptor.media_type).manifests
    elif descriptor.media_type in MANIFEST_TYPES:
        manifest = Manifest.from_bytes(data, descriptor.media_type)
        blobs = (manifest.config, *manifest.layers)
    else:
        raise OCI_MALFORMED(
            "not a kind of manifest",
            found=repr(descriptor.media_type)[:100],
            expected=MANIFEST_TYPE,
        )
    return Node(
        descriptor=_bare(descriptor),
        blobs=tuple(map(_bare, blobs)),
        parts=tuple(map(_bare, parts)),
        referrers=tuple(map(_bare, store.referrers(descriptor))) if referrers else (),
    )


def _unknown(descriptors: Iterable[Descriptor], nodes: dict[str, Node]) -> list[Descriptor]:
    """Those that are not among `nodes`, each once."""
    return list({each.digest: each for each in descriptors if each.digest not in nodes}.values())


def _bare(descriptor: Descriptor) -> Descriptor:
    """Without what an attacker can make long."""
    return Descriptor(
        media_type=descriptor.media_type, digest=descriptor.digest, size=descriptor.size
    )


def _check_bounds(manifests: int, blobs: int, named: int, most: int) -> None:
    if manifests > most or blobs > MOST_BLOBS or named > MOST_NAMED:
        raise GRAPH_LIMIT(
            "too much to copy at once",
            found=f"at least {manifests} manifests and {blobs} blobs, named {named} times",
            expected=f"at most {most} and {MOST_BLOBS}, named {MOST_NAMED} times",
        )
