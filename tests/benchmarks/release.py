"""How long a release takes the first time, and again when nothing has changed.

Cold: into an empty registry, with the tools in the cache; everything is built, tested, scanned and
signed. Warm: the same into the same registry; it finds good evidence there and signs nothing. What
fetching the tools adds is up to the network, is measured once and is not in the ratio.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.measure import Action, Series, interleave, process, show, show_ratio
from benchmarks.stage import Stage
from kit.wheel import environment
from miniseal.cli.demo.advisories import ADVISORIES
from miniseal.pipeline.trivy.database import build

__all__ = ["measure"]


def measure(stage: Stage, *, rounds: int = 5) -> None:
    """Print the table; times are reported and not judged."""
    folder = stage.folder / "release"
    database = _database(folder)
    stage.environment.python(
        "import sys\nfrom miniseal.cli.main import main\nsys.exit(main(sys.argv[1:]))",
        *("keys", "generate", folder / "publisher.key"),
    )
    environ = {
        **environment(),
        "MINISEAL_CACHE": str(folder / "cache"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def into(names: Iterator[str]) -> Action:
        return lambda: process(
            *(stage.environment.folder / "bin" / "miniseal", "release"),
            *(stage.examples / "greeting", "--to", f"oci:{folder / next(names)}"),
            *("--key", folder / "publisher.key", "--vulnerability-db", database),
            environ=environ,
            talk=folder / "talk.txt",
        )

    first = into(iter(["fetching"]))()
    cold = into(f"registry-{number}" for number in count())
    warm = into(f"registry-{number}" for number in count())
    measured = interleave({"cold": cold, "warm": warm}, rounds=rounds)
    show("release of examples/greeting, whole processes", measured)
    show_ratio("warm / cold", measured["warm"], measured["cold"])
    show("the same with an empty tool cache", {"fetch and release": Series.of([first])})


def _database(folder: Path) -> Path:
    advisories, database = folder / "advisories", folder / "database"
    advisories.mkdir(parents=True)
    for name, advisory in ADVISORIES.items():
        (advisories / f"{name}.json").write_text(json.dumps(advisory), encoding="utf-8")
    build(advisories, database, updated=int(time.time()))
    return database
