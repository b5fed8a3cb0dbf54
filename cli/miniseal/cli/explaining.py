"""How an explanation reads: a tree of what was demanded, what there is, and what would mend it."""

from collections.abc import Iterator, Sequence

from miniseal.verifier.explanation import Explanation, Heard, Point

__all__ = ["tree"]

_TITLES = {
    "package": "the package itself: reference, manifest, config",
    "evidence": "the attached bundles",
    "content": "wasm and assets: digests, permissions, what the host offers",
}
_DIGEST = 19
"""Characters of a digest, enough to find it in the JSON."""
_SHOWN = 8
"""Statements of one point that are told apart; the rest are counted."""


def tree(explanation: Explanation) -> tuple[str, ...]:
    """A line for each point and each statement, indented by what it belongs to."""
    refused = explanation.error is not None
    return (
        f"{explanation.app_id}: {'refused' if refused else 'admissible'}",
        *(line for each in explanation.points for line in _point(each)),
    )


def _point(point: Point) -> Iterator[str]:
    what = f"  ({_TITLES[point.name]})" if point.name in _TITLES else ""
    yield f"  {'ok' if point.error is None else 'NO':<3} {point.name}{what}"
    yield from (f"        wants  {each}" for each in point.demands)
    yield from _statements(point.heard)
    if point.error is not None:
        error = point.error
        yield f"        why    {error.message} [{error.code}]"
        for label, text in (("found", error.found), ("expected", error.expected)):
            if text is not None:
                yield f"               {label} {text}"
        yield f"        to do  {error.hint}"


def _statements(heard: Sequence[Heard]) -> Iterator[str]:
    for each in heard[:_SHOWN]:
        yield f"        {_mark(each)} {each.bundle[:_DIGEST]}  {each.predicate_type}  {_who(each)}"
    if len(heard) > _SHOWN:
        yield f"        and {len(heard) - _SHOWN} more statements"


def _mark(heard: Heard) -> str:
    if heard.error is not None:
        return "aside "
    return "counts" if heard.relied else "there "


def _who(heard: Heard) -> str:
    if heard.error is not None:
        return f"{heard.error.message} [{heard.error.code}]"
    signatory = heard.signatory or ""
    shown = signatory[:_DIGEST] if signatory.startswith("sha256:") else signatory
    return f"by {', '.join(heard.signers)} ({shown})"
