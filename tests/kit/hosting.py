"""A process that uses a host's state as hosts do, at random, and says what came of it.

    python -m kit.hosting SCENE SEED COUNT REPORT

SCENE is a pickled `Stage`. Each act is a line of REPORT, written after it is done: a process that
is killed has said everything that it knows to have happened.
"""

import json
import pickle
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.packages import Repository
from miniseal.formats.errors import MinisealError
from miniseal.verifier.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the processes share.

    Attributes:
        policy: path of policy.toml.
        state: of the state.
        now: what the clock says.
        repository: of the programs, named by their digests.
        packages: digests of each program's versions, oldest first.
        materials: trust material, oldest first.
    """

    policy: Path
    state: Path
    now: int
    repository: Repository
    packages: dict[str, tuple[str, ...]]
    materials: tuple[bytes, ...]


class Host:
    """Acts at random on one state."""

    def __init__(self, stage: Stage, chance: random.Random) -> None:
        """Open a verifier as another process would."""
        self.stage = stage
        self.chance = chance
        self.verifier = Verifier.open(
            stage.policy, state=stage.state, clock=lambda: float(stage.now)
        )
        self.acts: tuple[Callable[[str], dict[str, object]], ...] = (
            *(self.install, self.install, self.install, self.load, self.load, self.load),
            *(self.readmit, self.remove, self.refresh, self.audit, self.listed),
        )

    def act(self) -> dict[str, object]:
        """One act, and what came of it."""
        act = self.chance.choice(self.acts)
        app_id = self.chance.choice(tuple(self.stage.packages))
        said = {"act": act.__name__, "app_id": app_id}
        try:
            return {**said, **act(app_id)}
        except MinisealError as error:
            return {**said, "error": error.code, "message": str(error)}

    def install(self, app_id: str) -> dict[str, object]:
        """Any version."""
        digest = self.chance.choice(self.stage.packages[app_id])
        admission = self.verifier.install(app_id, self.stage.repository, digest)
        return {"code": admission.version_code, "generation": admission.generation}

    def load(self, app_id: str) -> dict[str, object]:
        """And read everything."""
        program = self.verifier.load(app_id)
        return {"package": program.package, "generation": program.generation}

    def readmit(self, app_id: str) -> dict[str, object]:
        """Whatever is installed."""
        return {"generation": self.verifier.readmit(app_id).generation}

    def remove(self, app_id: str) -> dict[str, object]:
        """Whatever is installed."""
        self.verifier.remove(app_id)
        return {}

    def refresh(self, _: str) -> dict[str, object]:
        """With material that may be older than what is there."""
        number = self.chance.randrange(len(self.stage.materials))
        self.verifier.accept_trust(self.stage.materials[number])
        return {"material": number}

    def audit(self, _: str) -> dict[str, object]:
        """The whole log."""
        return {"count": self.verifier.audit(last=1).count}

    def listed(self, _: str) -> dict[str, object]:
        """What is installed."""
        return {"apps": [admission.app_id for admission in self.verifier.installed()]}


def main(stage: str, seed: str, count: str, report: str) -> None:
    """Act so many times."""
    host = Host(pickle.loads(Path(stage).read_bytes()), random.Random(seed))  # noqa: S301, S311 - a test's own
    with Path(report).open("a", encoding="utf-8") as file:
        for _ in range(int(count)):
            file.write(json.dumps(host.act()) + "\n")
            file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
