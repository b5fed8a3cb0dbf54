"""What a test asks of a host: the code of a refusal, an installed program, the record's file."""

from pathlib import Path

import pytest

from kit.packages import APP, Package, Scene
from miniseal.formats.errors import MinisealError

__all__ = ["install_code", "installed", "load_code", "record_file"]


def install_code(scene: Scene, reference: str = "1.0.0", app_id: str = APP) -> str:
    """The code with which an installation is refused."""
    with pytest.raises(MinisealError) as error:
        scene.verifier().install(app_id, scene.repository, reference)
    return error.value.code


def load_code(scene: Scene, app_id: str = APP, *, floor: int | None = None) -> str:
    """The code with which a load is refused."""
    with pytest.raises(MinisealError) as error:
        scene.verifier().load(app_id, floor=floor)
    return error.value.code


def installed(scene: Scene, code: int = 1) -> Package:
    """A package that was released and installed."""
    made = scene.release(code=code)
    scene.verifier().install(APP, scene.repository, f"{code}.0.0")
    return made


def record_file(scene: Scene, app_id: str = APP) -> Path:
    """The file of a program's current record."""
    path: Path
    (path,) = (scene.state / "records").glob(f"{app_id}.*.json")
    return path
