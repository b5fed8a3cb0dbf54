import re

from kit.reports import GRAPH, released
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.picture import described, lying, standing
from miniseal.pipeline.report.steps import Row, timeline_of


def rows() -> tuple[Row, ...]:
    return timeline_of(released()).rows


def test_every_station_is_inside_the_picture() -> None:
    for picture in (lying(rows()), standing(rows())):
        assert len(picture.stations) == len(GRAPH)
        assert all(12 <= drawn.x <= picture.width - 12 for drawn in picture.stations)
        assert all(12 <= drawn.y <= picture.height - 12 for drawn in picture.stations)


def test_every_way_begins_and_ends_at_a_station() -> None:
    for picture in (lying(rows()), standing(rows())):
        places = {(str(drawn.x), str(drawn.y)) for drawn in picture.stations}
        for track in picture.tracks:
            points = re.findall(r"(-?\d+) (-?\d+)", track.path)
            assert {points[0], points[-1]} <= places
            assert points[0] != points[-1]


def test_standing_has_room_for_names_beside_the_lanes() -> None:
    picture = standing(rows())

    assert max(drawn.x for drawn in picture.stations) + 12 < picture.names < picture.width / 2


def test_ways_to_what_did_not_run_are_closed() -> None:
    picture = lying(rows())

    assert [track.open for track in picture.tracks].count(False) == 2  # to and from fetch-runner


def test_the_description_says_who_follows_whom() -> None:
    nodes = [GraphNode(name="a"), GraphNode(name="b"), GraphNode(name="c", needs=("a", "b"))]
    states = [Row(node=node, state="done") for node in nodes]

    assert described(states) == "3 steps: 3 ran. c follows a and b."
