"""in-toto test-result v0.1: which tests ran, and how they went.

Whether a result is good enough is the policy's.
"""

from dataclasses import dataclass

from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import (
    PREDICATE_MALFORMED,
    optional_strings,
    optional_text,
)
from miniseal.formats.predicates.resource import Resource

__all__ = ["PREDICATE_TYPE", "RESULTS", "TestResult"]

PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = ("PASSED", "WARNED", "FAILED")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One run of one suite (in-toto attestation `spec/predicates/test-result.md`).

    Attributes:
        result: one of `RESULTS`.
        configuration: what ran, each with a digest or a URI.
        url: of the run, or None.
        passed: names of tests.
        warned: names of tests.
        failed: names of tests.
    """

    __test__ = False  # the specification's word; not a test class to pytest

    result: str
    configuration: tuple[Resource, ...]
    url: str | None = None
    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse another result than the specification's three, read or to be written."""
        if self.result not in RESULTS:
            raise PREDICATE_MALFORMED(
                "test result is unknown", found=self.result[:60], expected=" or ".join(RESULTS)
            )

    @classmethod
    def from_json(cls, value: object) -> "TestResult":
        """Read a predicate.

        Raises:
            FormatError: `predicate-malformed`.
        """
        members = Members(value, "test-result", PREDICATE_MALFORMED)
        return cls(
            result=members.string("result"),
            configuration=tuple(map(Resource.from_members, members.children("configuration"))),
            url=optional_text(members, "url"),
            passed=optional_strings(members, "passedTests"),
            warned=optional_strings(members, "warnedTests"),
            failed=optional_strings(members, "failedTests"),
        )

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object; the three lists always there, `url` where it is known.

        Raises:
            FormatError: `predicate-malformed`, for a configuration that identifies nothing.
        """
        return {
            "result": self.result,
            "configuration": [resource.to_json() for resource in self.configuration],
            **({} if self.url is None else {"url": self.url}),
            "passedTests": list(self.passed),
            "warnedTests": list(self.warned),
            "failedTests": list(self.failed),
        }
