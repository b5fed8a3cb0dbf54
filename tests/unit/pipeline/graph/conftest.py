from pathlib import Path

import pytest

from kit.graphs import Bench
from miniseal.pipeline.graph import StepCache


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(cache=StepCache(tmp_path / "steps"))
