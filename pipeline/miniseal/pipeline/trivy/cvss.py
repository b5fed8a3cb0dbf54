"""The base score of a CVSS 3.0 or 3.1 vector, and the word for it.

First.org's specification 3.1, section 7.1 and table 14. Temporal and environmental metrics in the
vector are not used; versions 2 and 4 are not read.
"""

import math

__all__ = ["base_score", "word"]

_METRICS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0.0, "C": 1.0},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}  # scope unchanged, changed
_WORDS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))


def base_score(vector: str) -> float | None:
    """The base score, 0.0 to 10.0; None for what is not a complete vector of version 3."""
    version, *parts = vector.split("/")
    values = {part.partition(":")[0]: part.partition(":")[2] for part in parts}
    if version not in {"CVSS:3.0", "CVSS:3.1"} or len(values) != len(parts):
        return None
    try:
        weight = {name: table[values[name]] for name, table in _METRICS.items()}
        privileges = _PRIVILEGES[values["PR"]]
    except KeyError:
        return None
    changed = weight["S"] == 1.0
    impact = _impact(weight, changed=changed)
    if impact <= 0:
        return 0.0
    ease = 8.22 * weight["AV"] * weight["AC"] * privileges[changed] * weight["UI"]
    return _round_up(min((1.08 if changed else 1.0) * (impact + ease), 10.0))


def word(score: float) -> str:
    """`critical`, `high`, `medium` or `low`."""
    return next(name for least, name in _WORDS if score >= least)


def _impact(weight: dict[str, float], *, changed: bool) -> float:
    base = 1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"])
    if changed:
        return 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    return 6.42 * base


def _round_up(value: float) -> float:
    # Appendix A of the specification: whole numbers, so that every platform rounds alike.
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10
