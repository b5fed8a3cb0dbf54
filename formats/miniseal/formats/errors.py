"""What can go wrong, in four families with stable codes.

    MinisealError
    |-- UsageError           the caller's own words or files are wrong        exit 2
    |-- FormatError          bytes from somebody else are not what they claim exit 1
    |-- VerificationError    a check was made and said no                     exit 1
    `-- EnvironmentalError   a tool, disk, clock or network did not serve     exit 2

A `Code` is declared at the top of the module that raises it and is called to make the error:
`raise DIGEST_MISMATCH("...", found=..., expected=...)`. The reference table in docs/reference is
generated from these declarations. Nothing here formats for a terminal.
"""

__all__ = [
    "Code",
    "EnvironmentalError",
    "FormatError",
    "MinisealError",
    "UsageError",
    "VerificationError",
]


class MinisealError(Exception):
    """The one base of every error that leaves a public function.

    Attributes:
        code: stable, lower-case-with-hyphens; never reused for another meaning.
        message: one line, lower case, no full stop.
        found: what was found, or None.
        expected: what was expected, or None.
        hint: what would fix it, or None.
    """

    exit_code = 2

    def __init__(
        self,
        code: str,
        message: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Keep the parts apart, so that a caller can print them its own way."""
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.found = found
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        """`message (found X, expected Y) [code]`."""
        parts = [
            f"{label} {value}"
            for label, value in (("found", self.found), ("expected", self.expected))
            if value is not None
        ]
        detail = f" ({', '.join(parts)})" if parts else ""
        return f"{self.message}{detail} [{self.code}]"

    def to_json(self) -> dict[str, str | None]:
        """The `error` member of a `--json` result (FORMATS section 7)."""
        return {
            "code": self.code,
            "message": self.message,
            "found": self.found,
            "expected": self.expected,
            "hint": self.hint,
        }


class UsageError(MinisealError):
    """The caller's own words or files are wrong: options, project file, policy, key file."""


class FormatError(MinisealError):
    """Bytes that came from somebody else do not follow their format."""

    exit_code = 1


class VerificationError(MinisealError):
    """A check was made and said no."""

    exit_code = 1


class EnvironmentalError(MinisealError):
    """Something around the program did not serve: a tool, a disk, a clock, a network."""


class Code:
    """A stable error code with the text of its row in docs/reference/errors.

    Attributes:
        name: the code itself.
        family: the exception class that it raises.
        meaning: what the code says.
        cause: how one usually gets there.
        remedy: what to do; also the hint of an error that brings none of its own.
    """

    __slots__ = ("cause", "family", "meaning", "name", "remedy")

    def __init__(
        self, name: str, family: type[MinisealError], *, meaning: str, cause: str, remedy: str
    ) -> None:
        """Declare a code; a test walks the modules and refuses a name declared twice."""
        self.name = name
        self.family = family
        self.meaning = meaning
        self.cause = cause
        self.remedy = remedy

    def __call__(
        self,
        message: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> MinisealError:
        """An error of this code, to be raised."""
        return self.family(
            self.name, message, found=found, expected=expected, hint=hint or self.remedy
        )
