"""How long a running host takes to load a program again, against hashing the same bytes in memory.

One process, one open verifier: each load reads head, record, policy, keys and content again.
"""

import json

from benchmarks.measure import Sample, Series, show, show_ratio
from benchmarks.stage import Stage

__all__ = ["measure"]

_PROGRAM = """
import hashlib, json, sys
from time import perf_counter, process_time
from miniseal.verifier import Verifier

policy, state, app_id, wasm, rounds = sys.argv[1:]
verifier = Verifier.open(policy, state=state)
with open(wasm, "rb") as file:
    data = file.read()

def read_and_hash():
    with open(wasm, "rb", buffering=0) as file:
        hashlib.sha256(file.read()).digest()

actions = (lambda: hashlib.sha256(data).digest(), read_and_hash, lambda: verifier.load(app_id))
taken = [[] for _ in actions]
for number in range(int(rounds) + 5):
    for samples, action in zip(taken, actions):
        cpu, wall = process_time(), perf_counter()
        action()
        samples.append((process_time() - cpu, perf_counter() - wall))
json.dump([samples[5:] for samples in taken], sys.stdout)
"""


def measure(stage: Stage, *, rounds: int = 500) -> None:
    """Print the table; times are reported and not judged."""
    hosted = stage.hosted
    taken: list[list[tuple[float, float]]] = json.loads(
        stage.environment.python(
            _PROGRAM, hosted.policy, hosted.state, hosted.app_id, hosted.wasm, str(rounds)
        )
    )
    hashed, read, loaded = (
        Series.of([Sample(cpu=cpu, wall=wall) for cpu, wall in samples]) for samples in taken
    )
    show(
        f"hot load of {hosted.size} bytes of wasm, one process",
        {"SHA-256 of the bytes in memory": hashed, "read the file, SHA-256": read, "load": loaded},
    )
    show_ratio("load / SHA-256", loaded, hashed, aim=1.2)
    show_ratio("load / read and SHA-256", loaded, read)
