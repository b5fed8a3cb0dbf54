from collections.abc import Callable

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_TYPE, Descriptor, Index, Manifest
from miniseal.registry import LayoutStore, graph
from miniseal.registry.graph import Graph, Node, walk


def described(number: int) -> Descriptor:
    return Descriptor.of(b"%d" % number, MANIFEST_TYPE)


def test_an_order_needs_no_recursion() -> None:
    chain = [described(number) for number in range(5_000)]
    nodes = {
        each.digest: Node(descriptor=each, referrers=tuple(chain[at + 1 : at + 2]))
        for at, each in enumerate(chain)
    }

    ordered = Graph(nodes=nodes, roots=(chain[0].digest,)).ordered()
    assert [node.descriptor for node in ordered] == chain


def test_what_is_reached_twice_comes_once() -> None:
    top, left, right, bottom = (described(number) for number in range(4))
    nodes = {
        top.digest: Node(descriptor=top, parts=(left, right)),
        left.digest: Node(descriptor=left, parts=(bottom,)),
        right.digest: Node(descriptor=right, parts=(bottom,), referrers=(left,)),
        bottom.digest: Node(descriptor=bottom),
    }

    found = Graph(nodes=nodes, roots=(top.digest, bottom.digest))
    assert [node.descriptor for node in found.ordered()] == [bottom, left, right, top]


def test_the_size_is_that_of_all_blobs() -> None:
    blobs = (Descriptor.of(b"abc", ""), Descriptor.of(b"de", ""))

    assert Graph(blobs=blobs).size == 5


class Flooded(LayoutStore):
    """A store of an index of manifests, each of which names very many blobs; counts its reads."""

    def __init__(self, blob: Callable[[int, int], bytes]) -> None:
        super().__init__("/nowhere")
        self._blob = blob
        self._numbers = {f"sha256:{number:064x}": number for number in range(2_000)}
        self.reads = 0

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        del limit
        self.reads += 1
        if descriptor.media_type == INDEX_TYPE:
            parts = (
                Descriptor(media_type=MANIFEST_TYPE, digest=digest, size=1)
                for digest in self._numbers
            )
            return Index(manifests=tuple(parts)).to_bytes()
        number = self._numbers[descriptor.digest]
        layers = [Descriptor.of(self._blob(number, each), "a/b") for each in range(1_000)]
        return Manifest(config=layers[0], layers=tuple(layers)).to_bytes()


@pytest.mark.parametrize(
    ("blob", "bound"),
    [
        pytest.param(lambda number, each: b"%d %d" % (number, each), "MOST_BLOBS", id="all-others"),
        pytest.param(lambda _, each: b"%d" % each, "MOST_NAMED", id="the-same"),
    ],
)
def test_a_flood_ends_before_all_of_it_is_held(
    monkeypatch: pytest.MonkeyPatch, blob: Callable[[int, int], bytes], bound: str
) -> None:
    monkeypatch.setattr(graph, bound, 20_000)
    store = Flooded(blob)

    with pytest.raises(MinisealError) as error:
        walk(store, [Descriptor.of(b"", INDEX_TYPE)], referrers=False)

    assert error.value.code == "graph-limit"
    assert store.reads < 40


def test_a_type_that_nobody_knows_is_shown_fit_for_a_screen() -> None:
    store = Flooded(lambda _, each: b"%d" % each)

    strange = Descriptor(media_type="\x1b[2J\n::error::", digest=f"sha256:{0:064x}", size=1)

    with pytest.raises(MinisealError) as error:
        walk(store, [strange], referrers=False)

    assert error.value.code == "oci-malformed"
    assert str(error.value).isprintable()
