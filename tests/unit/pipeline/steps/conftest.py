from pathlib import Path

import pytest

from miniseal.packager import Project
from miniseal.pipeline.steps.resolve import Resolved

EXAMPLES = Path(__file__).parents[4] / "examples"


@pytest.fixture
def resolved(tmp_path: Path) -> Resolved:
    """The greeting example, with a snapshot of its own."""
    project = Project.load(EXAMPLES / "greeting")
    snapshot = tmp_path / "source"
    project.tree.copy(snapshot)
    return Resolved(project=project, snapshot=snapshot)
