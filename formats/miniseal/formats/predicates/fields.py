"""How predicates read the members that a specification calls optional, and the code of them all.

An absent member, a null and, for texts, an empty string mean the same: writers that are based on
protobuf make no difference. No predicate's meaning is here.
"""

from miniseal.formats.errors import Code, FormatError
from miniseal.formats.members import Members
from miniseal.formats.times import from_text, to_text

__all__ = [
    "PREDICATE_MALFORMED",
    "optional_child",
    "optional_children",
    "optional_strings",
    "optional_text",
    "time",
]

PREDICATE_MALFORMED = Code(
    "predicate-malformed",
    FormatError,
    meaning="a predicate does not follow the specification of its type",
    cause="a missing member, a member of the wrong type, or another version of the predicate",
    remedy="write the predicate as the specification of its predicateType describes it",
)


def optional_child(members: Members, name: str) -> Members:
    """An object; an empty one where the member is absent."""
    if name in members:
        return members.child(name)
    return Members({}, f"{members.what}.{name}", members.code)


def optional_children(members: Members, name: str) -> list[Members]:
    """A list of objects; empty where the member is absent."""
    return members.children(name) if name in members else []


def optional_strings(members: Members, name: str) -> tuple[str, ...]:
    """A list of strings; empty where the member is absent."""
    return tuple(members.strings(name)) if name in members else ()


def optional_text(members: Members, name: str) -> str | None:
    """A string, or None where the member is absent or empty."""
    return members.optional_string(name) if members.values.get(name) != "" else None


def time(members: Members, name: str) -> str:
    """A time as `YYYY-MM-DDTHH:MM:SSZ`; a fraction of a second is cut.

    Raises:
        MinisealError: the code of `members`; `time-malformed`.
    """
    return to_text(from_text(members.string(name), fraction=True))
