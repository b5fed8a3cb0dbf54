"""Documents that are nearly right: a valid one with a node replaced, removed or written twice."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, document: dict[str, Any]) -> bytes:
    """`document` as JSON bytes with one to three changes."""
    root: dict[str, Any] = {"document": copy.deepcopy(document)}
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(_places(root)))
        change = draw(st.sampled_from(["replace", "remove", "repeat"]))
        if change == "replace":
            holder[key] = draw(JSON_VALUES)
        elif change == "remove" and holder is not root:
            del holder[key]
        elif isinstance(holder, list):
            holder.append(holder[key])
    return json.dumps(root["document"]).encode()


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every (object or list, key or index) at and below `node`."""
    keys: list[Any] = []
    if isinstance(node, dict):
        keys = [*node]
    elif isinstance(node, list):
        keys = [*range(len(node))]
    return [(node, key) for key in keys] + [place for key in keys for place in _places(node[key])]
