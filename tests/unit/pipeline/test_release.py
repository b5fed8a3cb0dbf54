from pathlib import Path

import pytest

from kit.engines import FakeEngine, answer, wait
from miniseal.formats.errors import UsageError
from miniseal.pipeline.events import Event, Events
from miniseal.pipeline.release import make
from miniseal.pipeline.steps.fetch import ToolCache

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_nothing_of_a_project_runs_without_isolation(tmp_path: Path) -> None:
    engine = FakeEngine(answer(), isolation=None)
    seen: list[Event] = []

    with pytest.raises(UsageError) as error:
        wait(
            make(
                EXAMPLES / "greeting",
                engine=engine,
                tools=ToolCache(folder=tmp_path / "tools", environ={}),
                events=Events(seen.append),
                work=tmp_path,
            )
        )

    assert error.value.code == "isolation-required"
    assert engine.commands == []
    assert seen == []
