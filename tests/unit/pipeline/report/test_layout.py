from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.reports import GRAPH
from miniseal.pipeline.report.layout import GraphNode, Layout, lay_out


def graph(*lines: str) -> list[GraphNode]:
    """A graph from lines such as `build: fetch resolve`."""
    parts = [line.partition(":") for line in lines]
    return [GraphNode(name=name, needs=tuple(needs.split())) for name, _, needs in parts]


def columns(layout: Layout) -> dict[str, int]:
    return {station.node.name: station.column for station in layout.stations}


def lanes(layout: Layout) -> dict[str, int]:
    return {station.node.name: station.lane for station in layout.stations}


def test_a_step_is_after_everything_that_it_needs() -> None:
    layout = lay_out(graph("a", "b: a", "c", "d: b c"))

    assert columns(layout) == {"a": 0, "b": 1, "c": 0, "d": 2}


def test_the_longest_way_is_straight() -> None:
    layout = lay_out(graph("a", "x: a", "b: a", "c: b", "d: c x"))

    assert {name for name, lane in lanes(layout).items() if lane == 0} == {"a", "b", "c", "d"}


def test_a_need_that_follows_from_another_has_no_way_of_its_own() -> None:
    layout = lay_out(graph("a", "b: a", "c: a b"))

    assert [(link.source.node.name, link.target.node.name) for link in layout.links] == [
        ("a", "b"),
        ("b", "c"),
    ]


def test_what_the_graph_does_not_know_is_not_drawn() -> None:
    layout = lay_out(graph("a: nobody b", "b: a"))

    assert [(link.source.node.name, link.target.node.name) for link in layout.links] == [("a", "b")]


def test_no_graph_is_no_picture() -> None:
    layout = lay_out([])

    assert (layout.columns, layout.lanes, layout.links) == (0, range(1), ())


def test_with_a_column_for_each_the_order_stays() -> None:
    layout = lay_out(GRAPH, one_each=True)

    assert columns(layout) == {node.name: at for at, node in enumerate(GRAPH)}
    assert layout.lanes.start == 0


def test_a_releases_graph_needs_few_lanes() -> None:
    assert len(lay_out(GRAPH).lanes) <= 6
    assert len(lay_out(GRAPH, one_each=True).lanes) <= 8


@st.composite
def graphs(draw: st.DrawFn) -> list[GraphNode]:
    size = draw(st.integers(1, 12))
    return [
        GraphNode(
            name=str(at),
            needs=tuple(str(other) for other in range(at) if draw(st.booleans())),
        )
        for at in range(size)
    ]


@pytest.mark.parametrize("one_each", [False, True])
@given(graphs())
def test_nothing_is_in_the_way_of_anything(one_each: bool, nodes: list[GraphNode]) -> None:
    layout = lay_out(nodes, one_each=one_each)

    places = [(station.column, station.lane) for station in layout.stations]
    assert len(places) == len(set(places)) == len(nodes)
    for link in layout.links:
        assert link.source.column < link.target.column
        passed = range(link.source.column + 1, link.target.column)
        assert not {(column, link.lane) for column in passed}.intersection(places)


@given(graphs())
def test_every_step_can_be_reached_from_what_it_needs(nodes: list[GraphNode]) -> None:
    layout = lay_out(nodes)
    after: dict[str, set[str]] = {node.name: set() for node in nodes}
    for link in sorted(layout.links, key=lambda link: link.target.column):
        source, target = link.source.node.name, link.target.node.name
        after[target] |= {source, *after[source]}

    assert all(after[node.name] >= set(node.needs) for node in nodes)


@given(graphs())
def test_ways_of_two_steps_share_no_lane(nodes: list[GraphNode]) -> None:
    """Else one would be taken for the other's."""
    taken: dict[tuple[int, int], str] = {}
    for link in lay_out(nodes).links:
        for column in range(link.source.column + 1, link.target.column):
            name = taken.setdefault((column, link.lane), link.source.node.name)
            assert name == link.source.node.name


def test_two_layouts_of_one_graph_are_the_same() -> None:
    first, second = (lay_out(GRAPH) for _ in range(2))

    assert first == second
    assert all(a.lane == 0 for a, b in pairwise(first.stations) if a.node.name == "sign")
