"""A whole policy as one predicate (ADR 0024): its serial and the content of each of its files.

The files are the statement's subjects as well. What they mean, and whose word counts, is not known
here; a name is a text here, not a path.
"""

import base64
from dataclasses import dataclass

from miniseal.formats.dsse import base64_member
from miniseal.formats.members import Members
from miniseal.formats.predicates.fields import PREDICATE_MALFORMED

__all__ = ["PREDICATE_TYPE", "PolicyFiles"]

PREDICATE_TYPE = "https://miniseal.dev/policy/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFiles:
    """What a policy consists of.

    Attributes:
        serial: of the policy.
        files: contents by name, each name once, `policy.toml` first.
    """

    serial: int
    files: dict[str, bytes]

    @classmethod
    def from_json(cls, value: object) -> "PolicyFiles":
        """Read a predicate; an own format, so that unknown members are refused.

        Raises:
            FormatError: `predicate-malformed`.
        """
        members = Members(value, "policy", PREDICATE_MALFORMED).only("serial", "files")
        serial = members.integer("serial", least=1)
        files: dict[str, bytes] = {}
        for each in members.children("files"):
            name = each.only("name", "content").string("name")
            if name in files:
                raise PREDICATE_MALFORMED("policy has the same file twice", found=name[:100])
            files[name] = base64_member(each, "content")
        if not files:
            raise PREDICATE_MALFORMED("policy has no files")
        return cls(serial=serial, files=files)

    def to_json(self) -> dict[str, object]:
        """The predicate as a JSON object."""
        files = [
            {"name": name, "content": base64.b64encode(content).decode()}
            for name, content in self.files.items()
        ]
        return {"serial": self.serial, "files": files}
