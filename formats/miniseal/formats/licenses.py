"""SPDX licence expressions, and patterns of licences that somebody does not want.

An expression offers choices (`OR`) and makes demands (`AND`): it is denied when no choice is left
that has nothing denied in it. Names are compared without regard to case, as SPDX says; whether a
name is on SPDX's list is not known here. What is no expression is taken as words, each of them a
demand: text that nobody understands is never a way around a rule.
"""

import re
from fnmatch import fnmatchcase

__all__ = ["denied", "is_known", "is_pattern"]

_PATTERN = re.compile(r"[A-Za-z0-9.+*-]{1,100}")
_TOKEN = re.compile(r"\s*(?:([()])|((?:DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9.-]+\+?))")
_WORD = re.compile(r"[A-Za-z0-9.+-]+")
_LIMIT = 2000
_DEPTH = 32
_NOTHING = frozenset({"none", "noassertion", "unknown"})

_Tree = str | tuple[str, "_Tree", "_Tree"]


def is_pattern(text: str) -> bool:
    """Whether `text` is a licence's identifier, or one with `*` for any characters."""
    return _PATTERN.fullmatch(text) is not None


def is_known(expression: str) -> bool:
    """Whether `expression` says, in SPDX's form, under which licence something is."""
    tree = _parse(expression)
    return tree is not None and not (isinstance(tree, str) and tree.lower() in _NOTHING)


def denied(expression: str, patterns: tuple[str, ...]) -> str | None:
    """The licence in `expression` that a pattern denies, or None where there is a way around it.

    Args:
        expression: an SPDX expression, or any text.
        patterns: as `is_pattern` has them; each matches an identifier in full.
    """
    tree = _parse(expression)
    if tree is not None:
        return _denied(tree, patterns)
    if _matches(expression, patterns):
        return expression
    return next((word for word in _WORD.findall(expression) if _matches(word, patterns)), None)


def _denied(tree: _Tree, patterns: tuple[str, ...]) -> str | None:
    if isinstance(tree, str):
        base = tree.partition(" ")[0]  # without an exception
        return tree if _matches(tree, patterns) or _matches(base, patterns) else None
    operator, left, right = tree
    first, second = _denied(left, patterns), _denied(right, patterns)
    if operator == "OR":
        return first if first is not None and second is not None else None
    return first if first is not None else second


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _parse(expression: str) -> _Tree | None:
    """The expression as a tree of `(operator, left, right)` and names, or None where it is none."""
    tokens = _tokens(expression)
    if tokens is None:
        return None
    reader = _Reader(tokens)
    tree = reader.choices(0)
    return tree if not reader.left else None


def _tokens(expression: str) -> list[str] | None:
    text, tokens, at = expression.strip(), list[str](), 0
    if len(text) > _LIMIT:
        return None
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[1] or match[2])
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens from the left; a part that is malformed is None, and so is all around it."""

    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens[::-1]

    def choices(self, depth: int) -> _Tree | None:
        return self._chain("OR", depth)

    def _chain(self, operator: str, depth: int) -> _Tree | None:
        tree = self._part(operator, depth)
        while tree is not None and self._takes(operator):
            right = self._part(operator, depth)
            tree = None if right is None else (operator, tree, right)
        return tree

    def _part(self, operator: str, depth: int) -> _Tree | None:
        return self._chain("AND", depth) if operator == "OR" else self._license(depth)

    def _license(self, depth: int) -> _Tree | None:
        if self._takes("("):
            inner = self.choices(depth + 1) if depth < _DEPTH else None
            return inner if self._takes(")") else None
        name = self._name()
        if name is None or not self._takes("WITH"):
            return name
        exception = self._name()
        return None if exception is None else f"{name} WITH {exception}"

    def _name(self) -> str | None:
        if not self.left or self.left[-1].upper() in {"(", ")", "AND", "OR", "WITH"}:
            return None
        return self.left.pop()

    def _takes(self, word: str) -> bool:
        if self.left and self.left[-1].upper() == word:
            self.left.pop()
            return True
        return False
