from miniseal.formats.oci import MANIFEST_TYPE, Descriptor
from miniseal.registry.graph import Graph, Node


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

    graph = Graph(nodes=nodes, roots=(top.digest, bottom.digest))
    assert [node.descriptor for node in graph.ordered()] == [bottom, left, right, top]


def test_the_size_is_that_of_all_blobs() -> None:
    blobs = (Descriptor.of(b"abc", ""), Descriptor.of(b"de", ""))

    assert Graph(blobs=blobs).size == 5
