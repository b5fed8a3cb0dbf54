"""How long a host takes from its start to a verified program, against what no verifier can avoid.

Whole processes: a new interpreter opens the verifier and loads a program of 1 MB. The floor is an
interpreter that imports the three modules that hashing, MACs and JSON need, and reads and hashes
the same bytes. Against it stands, too, what importing `cryptography` for a signature check costs.
"""

from pathlib import Path

from benchmarks.measure import Action, interleave, process, show, show_ratio
from benchmarks.stage import Stage

__all__ = ["measure"]

_LOAD = """
import sys
from miniseal.verifier import Verifier
Verifier.open(sys.argv[1], state=sys.argv[2]).load(sys.argv[3])
"""
_FLOOR = """
import hashlib, hmac, json, sys
with open(sys.argv[1], "rb") as file:
    hashlib.sha256(file.read()).hexdigest()
"""
_CRYPTOGRAPHY = """
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
"""


def measure(stage: Stage, *, rounds: int = 60) -> None:
    """Print the table; times are reported and not judged."""
    python = stage.environment.folder / "bin" / "python"
    hosted = stage.hosted

    def started(program: str, *arguments: str | Path) -> Action:
        return lambda: process(python, "-I", "-c", program, *arguments)

    measured = interleave(
        {
            "python -c pass": started("pass"),
            "floor: import, read, hash": started(_FLOOR, hosted.wasm),
            "load": started(_LOAD, hosted.policy, hosted.state, hosted.app_id),
            "floor, and import cryptography": started(_FLOOR + _CRYPTOGRAPHY, hosted.wasm),
        },
        rounds=rounds,
    )
    show(f"cold load of {hosted.size} bytes of wasm, whole processes", measured)
    bare, floor, load, heavy = measured.values()
    show_ratio("load / floor", load, floor, aim=1.5)
    show_ratio("load / floor with cryptography", load, heavy)
    show_ratio("floor / python -c pass", floor, bare)
