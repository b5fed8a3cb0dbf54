"""What the benchmarks play on: the wheel in an environment of its own, and a host with a program.

The host's program is made by the test kit, signed and admitted as every program is.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from kit.packages import APP, POLICY, Scene, package, wasm_module
from kit.wheel import ROOT, Environment, hatch, install

__all__ = ["Hosted", "Stage", "prepare"]

_SIZE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """An installed program.

    Attributes:
        app_id: of the program.
        policy: path of the platform's policy.toml.
        state: path of the host's state.
        wasm: path of the file that holds the program's wasm.
        size: of the wasm, in bytes.
    """

    app_id: str
    policy: Path
    state: Path
    wasm: Path
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that a benchmark is given.

    Attributes:
        folder: scratch space.
        examples: the example mini-programs.
        environment: has the wheel with every extra.
        hosted: a program of 1 MB, ready to be loaded.
    """

    folder: Path
    examples: Path
    environment: Environment
    hosted: Hosted


def prepare(folder: Path) -> Stage:
    """Build the wheel, install it, and admit a program."""
    return Stage(
        folder=folder,
        examples=ROOT / "examples",
        environment=install(
            hatch("wheel", ROOT, folder / "wheel"), "[all]", folder / "environment"
        ),
        hosted=_hosted(folder / "host"),
    )


def _hosted(folder: Path) -> Hosted:
    scene = Scene(folder, POLICY.replace("expires = 2027", "expires = 2099"))
    scene.now = int(time.time())  # the processes that load go by the machine's clock
    made = scene.release(made=package(wasm=wasm_module(mark=bytes(range(250)) * (_SIZE // 250))))
    scene.verifier().install(APP, scene.repository, made.digest)
    digest = made.config.wasm.digest.removeprefix("sha256:")
    return Hosted(
        app_id=APP,
        policy=scene.path,
        state=scene.state,
        wasm=scene.state / "blobs" / "sha256" / digest,
        size=len(made.wasm),
    )
