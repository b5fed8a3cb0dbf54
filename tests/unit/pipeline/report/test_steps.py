import pytest

from kit.reports import GRAPH, failed, interrupted, played, released, unchanged
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.steps import Row, said_by, timeline_of

PAIR = (GraphNode(name="build"), GraphNode(name="test", needs=("build",)))


def row(report: Report, name: str) -> Row:
    (found,) = [row for row in timeline_of(report).rows if row.name == name]
    return found


def test_rows_are_in_the_order_of_the_graph() -> None:
    assert [row.name for row in timeline_of(released()).rows] == [node.name for node in GRAPH]


def test_a_step_that_the_graph_does_not_know_is_apart() -> None:
    recorder = played((0, "inspect", "started", {}), (1, "inspect", "finished", {}))

    timeline = timeline_of(Report(recorder=recorder, graph=PAIR))
    assert [row.name for row in timeline.more] == ["inspect"]
    assert [row.name for row in timeline.in_state("done")] == ["inspect"]


def test_bars_are_where_the_steps_were() -> None:
    recorder = played(
        (0, "build", "started", {}),
        (1, "build", "finished", {}),
        (0, "test", "started", {}),
        (3, "test", "finished", {}),
    )
    timeline = timeline_of(Report(recorder=recorder, graph=PAIR))

    assert [(row.offset, row.share) for row in timeline.rows] == [("0", "25"), ("25", "75")]
    assert timeline.seconds == 4
    assert timeline.ticks == ("0", "1.0 s", "2.0 s", "3.0 s", "4.0 s")


def test_a_short_release_has_an_axis_of_milliseconds() -> None:
    recorder = played((0, "build", "started", {}), (0.2, "build", "finished", {}))

    ticks = timeline_of(Report(recorder=recorder, graph=PAIR)).ticks
    assert ticks == ("0", "50 ms", "100 ms", "150 ms", "200 ms")


@pytest.mark.parametrize("report", [released(), failed(), unchanged(), interrupted()])
def test_no_bar_leaves_the_axis(report: Report) -> None:
    timeline = timeline_of(report)
    for each in (*timeline.rows, *timeline.more):
        assert 0 <= float(each.offset) <= 100
        assert 0 <= float(each.offset) + float(each.share) <= 100.01


def test_of_a_release_at_its_end_a_step_that_did_not_run_was_not_needed() -> None:
    assert row(released(), "fetch-runner").word == "not needed"
    assert row(unchanged(), "tag").word == "not needed"


def test_of_one_that_failed_it_was_not_reached() -> None:
    assert row(failed(), "tag").word == "not reached"


def test_a_cached_step_has_no_time() -> None:
    found = row(failed(), "build")

    assert (found.word, found.spent, found.under) == ("cached", "", "cached")


def test_a_step_without_an_end_was_stopped() -> None:
    recorder = played((0, "build", "started", {}))

    assert row(Report(recorder=recorder, graph=PAIR), "build").word == "stopped"


def test_warnings_and_facts_are_kept() -> None:
    found = row(released(), "pack")

    assert found.warnings == ("permission storage is asked for, unused",)
    assert found.facts[0][0] == "package"


def test_no_events_make_no_time() -> None:
    timeline = timeline_of(Report(recorder=played(), graph=PAIR))

    assert timeline.seconds == 0
    assert [row.word for row in timeline.rows] == ["not reached", "not reached"]


def test_of_much_output_the_end_is_shown() -> None:
    lines = [(0.0, "build", "output", {"text": str(number)}) for number in range(1000)]
    run = played((0, "build", "started", {}), *lines).runs["build"]

    shown, left_out = said_by(run)
    assert (len(shown), shown[-1], left_out) == (300, "999", 700)
