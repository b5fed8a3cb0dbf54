from pathlib import Path

import pytest

from kit.engines import FakeEngine, answer, wait
from miniseal.formats.errors import UsageError
from miniseal.pipeline.engines.engine import Engine
from miniseal.pipeline.events import Event, Events
from miniseal.pipeline.flow import STEPS
from miniseal.pipeline.release import Workshop, make
from miniseal.pipeline.tools.cache import ToolCache

EXAMPLES = Path(__file__).parents[3] / "examples"
ISOLATED = FakeEngine(answer())
OPEN = FakeEngine(answer(), isolation=None)


@pytest.mark.parametrize(("engine", "local"), [(OPEN, ISOLATED), (ISOLATED, OPEN)])
def test_nothing_of_a_project_runs_without_isolation(
    tmp_path: Path, engine: Engine, local: Engine
) -> None:
    seen: list[Event] = []
    shop = Workshop(
        engine=engine,
        local=local,
        tools=ToolCache(folder=tmp_path / "tools", environ={}),
        events=Events(seen.append),
    )

    with pytest.raises(UsageError) as error:
        wait(make(EXAMPLES / "greeting", shop))

    assert error.value.code == "isolation-required"
    assert (ISOLATED.commands, OPEN.commands) == ([], [])
    assert seen == []


def test_a_step_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    shop = Workshop(
        engine=ISOLATED,
        local=ISOLATED,
        tools=ToolCache(folder=tmp_path, environ={}),
        events=Events(lambda _: None),
        again="bild",
    )

    with pytest.raises(UsageError) as error:
        wait(make(EXAMPLES / "greeting", shop))

    assert error.value.code == "step-unknown"
    assert error.value.expected is not None
    assert "build, pack" in error.value.expected


def test_every_step_comes_after_those_that_it_needs() -> None:
    seen: set[str] = set()
    for step in STEPS:
        assert {needed.name for needed in step.needs} <= seen
        assert step.name not in seen
        seen.add(step.name)
