from pathlib import Path

import pytest

from miniseal.pipeline.engines import Exec, Mount


@pytest.mark.parametrize("path", ["", "build", "/build/../etc", "/build/", "//build", "/a//b", "."])
def test_a_path_that_is_not_plain_and_absolute_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        Mount(path=path, host=Path("/"))
    with pytest.raises(ValueError, match="absolute"):
        Exec(argv=("true",), outputs=(path,))
    with pytest.raises(ValueError, match="absolute"):
        Exec(argv=("true",), cwd=path)


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Exec(argv=())
