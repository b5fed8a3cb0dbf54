"""`make bench`: every benchmark, from an installed wheel, as ratios that one run has measured.

python tests/benchmarks/run.py [NAME ...]
"""

import importlib
import sys
import tempfile
from pathlib import Path

_BENCHMARKS = ("load_cold", "load_hot", "admission", "release", "rescan", "registry")


def main() -> None:
    """Run the benchmarks that the command line names, or all."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from benchmarks.stage import prepare  # needs the path

    names = sys.argv[1:] or _BENCHMARKS
    with tempfile.TemporaryDirectory(prefix="miniseal-bench-") as scratch:
        stage = prepare(Path(scratch))
        for name in names:
            importlib.import_module(f"benchmarks.{name}").measure(stage)


if __name__ == "__main__":
    main()
