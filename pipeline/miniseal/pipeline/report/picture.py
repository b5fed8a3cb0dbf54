"""The graph as a picture: what a template needs to write SVG, in whole pixels.

Drawn twice, because a page has no script to turn a picture: lying for wide windows, with names
under the stations, and standing for narrow ones, with names beside the lanes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from miniseal.pipeline.report.layout import Layout, Link, Station, lay_out
from miniseal.pipeline.report.steps import Row
from miniseal.pipeline.report.words import count, plain_list

__all__ = ["Drawn", "Picture", "Track", "described", "lying", "standing"]

_BEND = 9
_APART = 0.08
_PITCH = 96  # of columns, lying
_LANE = 66
_STEP = 34  # of rows, standing
_RAIL = 20
_STANDING_WIDTH = 352


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A station with its place."""

    row: Row
    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A way: SVG path data, and whether the release went there."""

    path: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A graph in pixels.

    Attributes:
        width: of all of it.
        height: likewise.
        tracks: to be drawn first.
        stations: to be drawn over them.
        names: where names begin, standing.
    """

    width: int
    height: int
    tracks: tuple[Track, ...]
    stations: tuple[Drawn, ...]
    names: int = 0


@dataclass(frozen=True, slots=True)
class _Frame:
    """From columns and lanes to pixels; `turned` is for a standing picture."""

    left: int
    top: int
    column: int
    lane: int
    turned: bool

    def at(self, column: float, lane: float) -> tuple[int, int]:
        along, across = round(column * self.column), round(lane * self.lane)
        x, y = (across, along) if self.turned else (along, across)
        return self.left + x, self.top + y


def lying(rows: Sequence[Row]) -> Picture:
    """From left to right."""
    layout = lay_out([row.node for row in rows])
    lanes = layout.lanes
    frame = _Frame(_PITCH // 2, 20 - lanes.start * _LANE, _PITCH, _LANE, turned=False)
    return _picture(
        layout,
        rows,
        frame,
        width=layout.columns * _PITCH,
        height=(len(lanes) - 1) * _LANE + 66,
    )


def standing(rows: Sequence[Row]) -> Picture:
    """From top to bottom, a row for each step."""
    layout = lay_out([row.node for row in rows], one_each=True)
    frame = _Frame(16, 18, _STEP, _RAIL, turned=True)
    return _picture(
        layout,
        rows,
        frame,
        width=_STANDING_WIDTH,
        height=layout.columns * _STEP + 4,
        names=16 + (len(layout.lanes) - 1) * _RAIL + 24,
    )


def described(rows: Sequence[Row]) -> str:
    """The picture in sentences, for whoever does not see it."""
    words = list(dict.fromkeys(row.word for row in rows))
    states = [f"{sum(row.word == word for row in rows)} {word}" for word in words]
    sentences = [f"{count(len(rows), 'step')}: {plain_list(states)}."]
    leading = _by_target(lay_out([row.node for row in rows]))
    sentences += (f"{name} follows {plain_list(before)}." for name, before in leading.items())
    return " ".join(sentences)


def _by_target(layout: Layout) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for link in layout.links:
        found.setdefault(link.target.node.name, []).append(link.source.node.name)
    return found


def _picture(
    layout: Layout, rows: Sequence[Row], frame: _Frame, *, width: int, height: int, names: int = 0
) -> Picture:
    by_name = {row.name: row for row in rows}
    turns = _Turns(layout.links)
    tracks = [
        Track(
            path=_rounded([frame.at(*point) for point in turns.points(link)]),
            open=_went(link, by_name),
        )
        for link in layout.links
    ]
    stations = (_drawn(station, by_name, frame) for station in layout.stations)
    return Picture(
        width=width,
        height=height,
        tracks=tuple(sorted(tracks, key=lambda track: track.open)),
        stations=tuple(stations),
        names=names,
    )


def _went(link: Link, rows: Mapping[str, Row]) -> bool:
    quiet = {"unreached", "unneeded"}
    ends = (rows[link.source.node.name], rows[link.target.node.name])
    return not any(row.state in quiet for row in ends)


def _drawn(station: Station, rows: Mapping[str, Row], frame: _Frame) -> Drawn:
    x, y = frame.at(station.column, station.lane)
    return Drawn(row=rows[station.node.name], x=x, y=y)


class _Turns:
    """Where ways change lanes between two columns.

    Ways that part turn early and ways that meet turn late, each step's at a place of its own, so
    that no two are taken for one.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        leaving = Counter(link.source.node.name for link in links)
        self._forks = {name for name, number in leaving.items() if number > 1}
        self._places: dict[tuple[int, bool], list[str]] = {}
        for link in links:
            for gap, early, name, here, there in self._changes(link):
                places = self._places.setdefault((gap, early), [])
                if here != there and name not in places:
                    places.append(name)

    def points(self, link: Link) -> list[tuple[float, int]]:
        """The corners of a way, from station to station."""
        points = [(float(link.source.column), link.source.lane)]
        for gap, early, name, here, there in self._changes(link):
            if here != there:
                apart = _APART * (1 + self._places[gap, early].index(name))
                turn = gap + 0.5 + (-apart if early else apart)
                points += [(turn, here), (turn, there)]
        return [*points, (float(link.target.column), link.target.lane)]

    def _changes(self, link: Link) -> list[tuple[int, bool, str, int, int]]:
        """After which column, whether early, for which step, from and to which lane."""
        source, target = link.source, link.target
        first, last = source.node.name, target.node.name
        if target.column == source.column + 1:
            early = first in self._forks
            name = first if early else last
            return [(source.column, early, name, source.lane, target.lane)]
        return [
            (source.column, True, first, source.lane, link.lane),
            (target.column - 1, False, last, link.lane, target.lane),
        ]


def _rounded(points: Sequence[tuple[int, int]]) -> str:
    """A path through `points`, whose corners are cut by a curve."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{near[0]} {near[1]}Q{corner[0]} {corner[1]} {far[0]} {far[1]}")
    parts.append(f"L{points[-1][0]} {points[-1][1]}")
    return "".join(parts)


def _towards(corner: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """A point a little way from `corner`, on the straight line to `other`."""
    moved = (_step(other[at] - corner[at]) for at in (0, 1))
    across, down = moved
    return corner[0] + across, corner[1] + down


def _step(distance: int) -> int:
    least = min(abs(distance) // 2, _BEND)
    return least if distance > 0 else -least
