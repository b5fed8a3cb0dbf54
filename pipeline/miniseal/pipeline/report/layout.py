"""Where the steps of a graph go in a picture: columns by what they need, lanes side by side.

As a map of railway lines is drawn: the longest way through the graph is straight, what runs beside
it has a lane of its own, and what is needed much later keeps one free until then. Pure geometry in
whole columns and lanes; nothing is drawn here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

__all__ = ["GraphNode", "Layout", "Link", "Station", "lay_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A step of a graph.

    Attributes:
        name: of the step.
        needs: names of steps before it.
        does: in a few words.
    """

    name: str
    needs: tuple[str, ...] = ()
    does: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Where a step is.

    Attributes:
        node: the step.
        column: from 0, in the direction of the work.
        lane: 0 is the longest way; others are beside it.
    """

    node: GraphNode
    column: int
    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A way from one step to one that needs it.

    Attributes:
        source: the earlier one.
        target: the later one.
        lane: in which it passes the columns between them.
    """

    source: Station
    target: Station
    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A graph in its place.

    Attributes:
        stations: in the graph's order.
        links: those that do not follow from others.
    """

    stations: tuple[Station, ...]
    links: tuple[Link, ...]

    @property
    def columns(self) -> int:
        """How many there are."""
        return max((station.column for station in self.stations), default=-1) + 1

    @property
    def lanes(self) -> range:
        """From the first that is used to the last."""
        used = [station.lane for station in self.stations] + [link.lane for link in self.links]
        return range(min(used, default=0), max(used, default=0) + 1)


def lay_out(graph: Sequence[GraphNode], *, one_each: bool = False) -> Layout:
    """Place a graph whose steps come after what they need; other needs are left out.

    Args:
        graph: the steps.
        one_each: give every step a column of its own, and use no lane before the first: then a
            label has room beside the lanes.
    """
    needs = _reduced(graph)
    columns: dict[str, int] = {}
    for at, node in enumerate(graph):
        after = [columns[name] + 1 for name in needs[node.name]]
        columns[node.name] = at if one_each else max(after, default=0)
    lanes = _Lanes(columns, _followers(needs), beside=not one_each)
    lanes.take_trunk(_trunk(graph, needs))
    for name in sorted(columns, key=lambda name: (lanes.reach(name), columns[name])):
        lanes.take(name, needs[name])
    stations = {
        node.name: Station(node=node, column=columns[node.name], lane=lanes.stations[node.name])
        for node in graph
    }
    links = tuple(
        Link(source=stations[name], target=stations[node.name], lane=lanes.ways[name, node.name])
        for node in graph
        for name in needs[node.name]
    )
    return Layout(stations=tuple(stations.values()), links=links)


def _reduced(graph: Sequence[GraphNode]) -> dict[str, tuple[str, ...]]:
    """What each step needs, without what it needs through another one."""
    above: dict[str, set[str]] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for node in graph:
        known = [name for name in dict.fromkeys(node.needs) if name in above]
        through = {far for name in known for far in above[name]}
        above[node.name] = {*known, *through}
        needs[node.name] = tuple(name for name in known if name not in through)
    return needs


def _followers(needs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {name: [] for name in needs}
    for name, before in needs.items():
        for each in before:
            followers[each].append(name)
    return followers


def _trunk(graph: Sequence[GraphNode], needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The longest way through the graph, the first of several."""
    length: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for node in graph:
        best = max(needs[node.name], key=lambda name: length[name], default=None)
        before[node.name] = best
        length[node.name] = 1 + (length[best] if best is not None else 0)
    at: str | None = max(length, key=lambda name: length[name], default=None)
    way: list[str] = []
    while at is not None:
        way.append(at)
        at = before[at]
    return way[::-1]


class _Lanes:
    """Which lane is taken in which column."""

    def __init__(
        self, columns: Mapping[str, int], followers: Mapping[str, list[str]], *, beside: bool
    ) -> None:
        self.stations: dict[str, int] = {}
        self.ways: dict[tuple[str, str], int] = {}
        self._columns = columns
        self._followers = followers
        self._beside = beside
        self._taken: set[tuple[int, int]] = set()

    def take_trunk(self, names: Sequence[str]) -> None:
        """Keep lane 0 for these, and for the ways between them."""
        for name in names:
            self._put(name, 0)
        for pair in pairwise(names):
            self.ways[pair] = 0
            self._keep(self._between(*pair), 0)

    def reach(self, name: str) -> int:
        """How far a step's ways go that lead to lane 0 alone: what goes far is drawn outside."""
        followers = self._followers[name]
        if not followers or not all(each in self.stations for each in followers):
            return 0
        return max(self._columns[each] for each in followers) - self._columns[name]

    def take(self, name: str, needs: Sequence[str]) -> None:
        """Give a step its lane, where its ways come from, and its own ways onward theirs."""
        column = self._columns[name]
        onward = [each for each in self._followers[name] if (name, each) not in self.ways]
        last = max((self._columns[each] for each in onward), default=column)
        if name not in self.stations:
            wish = self._wish([self.ways[each, name] for each in needs])
            self._put(name, self._nearest(range(column, max(last, column + 1)), wish))
        passed = range(column + 1, last)
        lane = self._nearest(passed, self.stations[name])
        self._keep(passed, lane)
        self.ways.update(((name, each), lane) for each in onward)

    def _wish(self, lanes: Sequence[int]) -> int:
        """Near the ways that come in, lane 0 not counted where there are others."""
        beside = [lane for lane in lanes if lane] or [0]
        return round(sum(beside) / len(beside)) if self._beside else max(beside)

    def _between(self, source: str, target: str) -> range:
        return range(self._columns[source] + 1, self._columns[target])

    def _put(self, name: str, lane: int) -> None:
        self.stations[name] = lane
        self._keep([self._columns[name]], lane)

    def _keep(self, columns: Iterable[int], lane: int) -> None:
        self._taken.update((column, lane) for column in columns)

    def _nearest(self, columns: Sequence[int], wish: int) -> int:
        """The lane nearest to `wish` that is free in all `columns`."""
        return next(
            lane
            for distance in count()
            for lane in (wish + distance, wish - distance)
            if self._beside or lane >= 0
            if not any((column, lane) in self._taken for column in columns)
        )
