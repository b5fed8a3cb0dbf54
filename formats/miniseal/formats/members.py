"""Typed access to the members of parsed JSON, with one error code per format.

It checks types and presence only; meaning belongs to the format that asks. It needs the standard
library alone.
"""

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import Code
from miniseal.formats.strictjson import MAX_INTEGER

__all__ = ["Members"]


class Members:
    """The members of one JSON object.

    Attributes:
        values: the members as parsed.
        what: how errors call the object, for example `manifest.config`.
        code: the error raised for a wrong type or a missing member.
    """

    __slots__ = ("code", "values", "what")

    def __init__(self, value: object, what: str, code: Code) -> None:
        """Wrap `value`.

        Raises:
            MinisealError: `code`, if `value` is not an object.
        """
        if not isinstance(value, dict):
            raise code(f"{what} is not an object", found=_kind(value), expected="an object")
        # keys of parsed JSON are strings
        self.values: dict[str, object] = value  # pyright: ignore[reportUnknownMemberType]
        self.what = what
        self.code = code

    def __contains__(self, name: str) -> bool:
        """Whether the member is there and not null."""
        return self.values.get(name) is not None

    def only(self, *names: str) -> "Members":
        """Return self if no member has another name (our own formats; foreign ones ignore them)."""
        unknown = sorted(self.values.keys() - set(names))
        if unknown:
            raise self.code(
                f"{self.what} has an unknown member",
                found=repr(unknown[0])[:100],
                expected=f"only {', '.join(names)}",
            )
        return self

    def value(self, name: str) -> object:
        """The member, which must be there."""
        if name not in self.values:
            raise self.code(f"{self.what} lacks {name}")
        return self.values[name]

    def string(self, name: str) -> str:
        """A non-empty string."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, value, "a non-empty string")
        return value

    def optional_string(self, name: str) -> str | None:
        """A non-empty string, or None where the member is absent or null."""
        return self.string(name) if name in self else None

    def digest(self, name: str) -> str:
        """A digest, `sha256:` + 64 hex."""
        return check_digest(self.value(name))

    def integer(self, name: str, *, least: int = 0, most: int = MAX_INTEGER) -> int:
        """An integer within the bounds, both included."""
        value = self.value(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, value, f"an integer from {least} to {most}")
        return value

    def items(self, name: str) -> list[object]:
        """A list of anything."""
        value = self.value(name)
        if not isinstance(value, list):
            raise self._wrong(name, value, "a list")
        return value  # pyright: ignore[reportUnknownVariableType]

    def strings(self, name: str) -> list[str]:
        """A list of strings."""
        return [self._item(name, item) for item in self.items(name)]

    def child(self, name: str) -> "Members":
        """An object."""
        return Members(self.value(name), f"{self.what}.{name}", self.code)

    def children(self, name: str) -> "list[Members]":
        """A list of objects."""
        return [
            Members(item, f"{self.what}.{name}[{index}]", self.code)
            for index, item in enumerate(self.items(name))
        ]

    def string_map(self, name: str) -> dict[str, str]:
        """An object whose values are strings; empty where the member is absent or null."""
        if name not in self:
            return {}
        return {key: self._item(name, item) for key, item in self.child(name).values.items()}

    def _item(self, name: str, item: object) -> str:
        if not isinstance(item, str):
            raise self._wrong(name, item, "only strings")
        return item

    def _wrong(self, name: str, value: object, expected: str) -> Exception:
        return self.code(
            f"{self.what}.{name} is of the wrong kind",
            found=_shown(value),
            expected=expected,
        )


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 64:
        # TOML has integers of any length, and Python refuses to write out the longest
        return f"an integer of {value.bit_length()} bits"
    return repr(value)[:60] if isinstance(value, str | int | float) else _kind(value)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
