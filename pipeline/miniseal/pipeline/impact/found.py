"""What a search has found, what it could not look at, and how a policy would deny the rest.

Plain values: nothing is read, and nothing is verified here.
"""

from dataclasses import dataclass, field
from typing import Literal

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.impact.traces import Query

__all__ = ["Found", "Impact", "Problem", "Program", "Signature"]

Signature = Literal["verified", "unverified", "admitted"]

_DENIED_BY_DIGEST = {
    role: role for role in ("package", "wasm", "toolchain", "scanner", "signer")
} | dict.fromkeys(("tool", "base image", "source", "dependency"), "toolchain")
"""Roles that a policy can deny by the digest itself, and the member of `[[deny]]` for it."""
_NEVER_DENIED = frozenset({"database", "policy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A package in a place.

    Attributes:
        place: a reference, or the folder of a host's state.
        installed: whether the place is a host's state.
        tags: that name the package there, as far as they were looked at.
        app_id: of the program.
        version_code: of the package.
        version_name: of the package.
        package: digest of its manifest.
        toolchain: digest of its toolchain's lock.
    """

    place: str
    installed: bool
    tags: tuple[str, ...]
    app_id: str
    version_code: int
    version_name: str
    package: str
    toolchain: str

    @property
    def name(self) -> str:
        """The place; with the app_id where that is a host's, which has many programs."""
        return f"{self.place} {self.app_id}" if self.installed else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One use of what was looked for.

    Attributes:
        program: whose.
        role: what it was for: a role of `traces`; `signer`, `bundle` or `subject` of a statement;
            `package`, `config`, `wasm`, `assets` or `toolchain` of the package; `policy` of an
            admission.
        path: where it stands.
        bundle: digest of the bundle with the statement; None for what the package or the host's
            record says by itself.
        predicate_type: of the statement.
        signature: whether the statement's signature was checked: `verified` now, `admitted` when
            the host installed it, `unverified`; None where there is no statement.
        signers: the policy's names for whoever signed.
    """

    program: Program
    role: str
    path: str
    bundle: str | None = None
    predicate_type: str | None = None
    signature: Signature | None = None
    signers: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """One entry of `found`."""
        program = self.program
        return {
            "place": program.place,
            "installed": program.installed,
            "tags": list(program.tags),
            "app_id": program.app_id,
            "version": {"code": program.version_code, "name": program.version_name},
            "package": program.package,
            "role": self.role,
            "path": self.path,
            "bundle": self.bundle,
            "predicateType": self.predicate_type,
            "signature": self.signature,
            "signers": list(self.signers),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that could not be looked at.

    Attributes:
        place: a program's name, or a reference, repository or state as a whole.
        error: why.
    """

    place: str
    error: MinisealError

    def to_json(self) -> dict[str, object]:
        """One entry of `problems`."""
        return {"place": self.place, "error": self.error.to_json()}


@dataclass(slots=True, kw_only=True)
class Impact:
    """What a search came to.

    Attributes:
        found: every use.
        problems: what could not be looked at.
        packages: how many published packages were looked at.
        programs: how many installed ones.
    """

    found: list[Found] = field(default_factory=list[Found])
    problems: list[Problem] = field(default_factory=list[Problem])
    packages: int = 0
    programs: int = 0

    def deny(self, query: Query) -> tuple[dict[str, str], ...]:
        """The targets of the `[[deny]]` entries that would stop what was found, once each.

        The thing itself, where a policy can name it. Where it cannot, what it went into: the
        toolchain for a tool, else the package; and then only by what was verified, as anybody may
        attach a statement to somebody else's package. Neither a vulnerability database nor a
        policy is denied: the next scan, or the next policy, takes its place.
        """
        found = (_target(each, query) for each in self.found)
        targets = dict.fromkeys(target for target in found if target is not None)
        return tuple({name: value} for name, value in targets)


def _target(found: Found, query: Query) -> tuple[str, str] | None:
    """The member of `[[deny]]` that stops it, and its value; None where there is none."""
    role, program = found.role, found.program
    member = _DENIED_BY_DIGEST.get(role)
    if role in _NEVER_DENIED:
        return None
    if role == "builder":
        return "builder", query.text
    if query.digest is not None and member is not None and _is_reached(found):
        return member, query.digest
    if found.signature == "unverified":
        return None
    return ("toolchain", program.toolchain) if role == "tool" else ("package", program.package)


def _is_reached(found: Found) -> bool:
    """Whether the digest stands where the deny list looks; for a build that is one place."""
    of_a_build = found.path.startswith("buildDefinition.resolvedDependencies")
    return found.path.endswith(".digest.sha256") if of_a_build else True
