"""What one job of a release hands to another: the results of its steps, in a folder.

    results.json    part, Miniseal, program, source, package, and each result's digest and size
    STEP            the result of a step, as the step cache has it

The digest of `results.json` is the digest of all of it. It has to reach the other job by a way that
nobody else can write to, such as the outputs of jobs: the folder itself may come from anywhere. A
part is about one source and one package, so that results of another are refused; whether they are
true is as certain as the job that made them.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from miniseal.formats.digest import check_content, sha256
from miniseal.formats.errors import Code, FormatError, UsageError, VerificationError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import canonical, loads
from miniseal.pipeline.flow import Job
from miniseal.pipeline.flow.make import BUILD, PACK
from miniseal.pipeline.flow.prove import TEST
from miniseal.pipeline.flow.scan import SCAN_BILL, SCAN_PACKAGE, SCAN_SOURCE
from miniseal.pipeline.graph import Step
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.whole import write_whole

__all__ = [
    "PARTS",
    "RESULTS_MALFORMED",
    "RESULTS_MISMATCH",
    "RESULTS_UNUSABLE",
    "Part",
    "read_part",
    "write_part",
]

RESULTS_MALFORMED = Code(
    "results-malformed",
    FormatError,
    meaning="a folder of results has something else in it",
    cause="it was written by something else than `miniseal perform`",
    remedy="perform the part again",
)
RESULTS_MISMATCH = Code(
    "results-mismatch",
    VerificationError,
    meaning="the results of another job are not those that were named, or not of this release",
    cause="somebody changed them on the way, or the jobs had another source, another Miniseal, or "
    "made another package",
    remedy="find out who can write where they were kept; perform all parts again from one commit",
)
RESULTS_UNUSABLE = Code(
    "results-unusable",
    UsageError,
    meaning="a folder of results cannot be read or written",
    cause="a misspelt path, missing rights, or a full disk",
    remedy="name the folder that `miniseal perform -o` wrote",
)

PARTS: Final[Mapping[str, tuple[Step[Job, Any], ...]]] = {
    "build": (BUILD, TEST),
    "rebuild": (BUILD,),
    "scan": (SCAN_SOURCE, SCAN_PACKAGE, SCAN_BILL),
}
"""The parts of a release that a job may make, each with the steps whose results it hands on."""

_INDEX = "results.json"
_INDEX_LIMIT = 64 * 1024
_RESULT_LIMIT = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The results of a part of a release.

    Attributes:
        name: one of `PARTS`.
        app_id: of the program.
        source: digest of the source tree.
        package: digest of the package's manifest.
        results: of each step, as its codec encodes it.
        miniseal: the version that made them.
    """

    name: str
    app_id: str
    source: str
    package: str
    results: Mapping[str, bytes] = field(repr=False)
    miniseal: str = field(default_factory=lambda: metadata.version("miniseal"))

    @classmethod
    def of(cls, name: str, resolved: Resolved, results: Mapping[Step[Job, Any], Any]) -> "Part":
        """The part of a release whose steps gave these results."""
        project = resolved.project
        return cls(
            name=name,
            app_id=project.manifest.app_id,
            source=project.tree.digest,
            package=results[PACK].package.descriptor.digest,
            results={step.name: _codec(step).encode(results[step]) for step in PARTS[name]},
        )

    def values(self) -> dict[Step[Job, Any], Any]:
        """The results by their steps.

        Raises:
            FormatError: `results-malformed`.
        """
        try:
            return {step: _codec(step).decode(self.results[step.name]) for step in PARTS[self.name]}
        except ValueError as error:
            raise RESULTS_MALFORMED(f"a result of {self.name} cannot be read") from error

    def check(self, resolved: Resolved) -> None:
        """Refuse results of another source, or by another Miniseal.

        Raises:
            VerificationError: `results-mismatch`.
        """
        project, version = resolved.project, metadata.version("miniseal")
        _same(self.name, "Miniseal", self.miniseal, version)
        _same(self.name, "program", self.app_id, project.manifest.app_id)
        _same(self.name, "source", self.source, project.tree.digest)

    def check_package(self, package: str) -> None:
        """Refuse results of another package.

        Raises:
            VerificationError: `results-mismatch`.
        """
        _same(self.name, "package", self.package, package)


def write_part(folder: Path, part: Part) -> str:
    """Write the part to a new or empty folder; the digest of it all.

    Raises:
        UsageError: `results-unusable`.
    """
    index: dict[str, object] = {
        "v": 1,
        "part": part.name,
        "miniseal": part.miniseal,
        "app_id": part.app_id,
        "source": part.source,
        "package": part.package,
        "results": {
            name: {"digest": sha256(data), "size": len(data)} for name, data in part.results.items()
        },
    }
    data = canonical(index)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise RESULTS_UNUSABLE(f"{folder} is not empty")
        for name, result in part.results.items():
            write_whole(folder / name, result)
        write_whole(folder / _INDEX, data)
    except OSError as error:
        raise RESULTS_UNUSABLE(f"cannot write {folder}: {error.strerror}") from error
    return sha256(data)


def read_part(folder: Path, digest: str) -> Part:
    """The part in a folder that may come from anywhere.

    Args:
        folder: as `write_part` left it.
        digest: what it gave.

    Raises:
        UsageError: `results-unusable`.
        VerificationError: `results-mismatch`.
        FormatError: `results-malformed`.
    """
    data = _read(folder / _INDEX, _INDEX_LIMIT)
    if sha256(data) != digest:
        raise RESULTS_MISMATCH(
            f"{folder} has other results than were named", found=sha256(data), expected=digest
        )
    try:
        return _parsed(folder, data)
    except FormatError as error:
        raise RESULTS_MALFORMED(error.message, found=error.found) from error


def _parsed(folder: Path, data: bytes) -> Part:
    """The part, of an index that is what it has to be."""
    value = loads(data, limit=_INDEX_LIMIT, what=_INDEX)
    members = Members(value, _INDEX, RESULTS_MALFORMED)
    members.only("v", "part", "miniseal", "app_id", "source", "package", "results")
    members.integer("v", least=1, most=1)
    name = members.string("part")
    if name not in PARTS:
        raise RESULTS_MALFORMED("no part of a release", found=name, expected=", ".join(PARTS))
    listed = members.child("results")
    listed.only(*(step.name for step in PARTS[name]))
    return Part(
        name=name,
        miniseal=members.string("miniseal"),
        app_id=members.string("app_id"),
        source=members.digest("source"),
        package=members.digest("package"),
        results={step.name: _result(folder, step.name, listed) for step in PARTS[name]},
    )


def _result(folder: Path, name: str, listed: Members) -> bytes:
    entry = listed.child(name)
    size = entry.integer("size", most=_RESULT_LIMIT)
    try:
        return check_content(_read(folder / name, size), entry.digest("digest"), size, name)
    except VerificationError as error:
        raise RESULTS_MISMATCH(
            f"the result of {name} is another one", found=error.found, expected=error.expected
        ) from error


def _read(path: Path, limit: int) -> bytes:
    """The start of a regular file, one byte more than it may have."""
    try:
        # a pipe put in the file's place must not make this wait
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise RESULTS_UNUSABLE(f"{path} is not a regular file")
            return stream.read(limit + 1)
    except OSError as error:
        raise RESULTS_UNUSABLE(f"cannot read {path}: {error.strerror}") from error


def _same(part: str, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise RESULTS_MISMATCH(
            f"the results of {part} are of another {what}", found=found, expected=expected
        )


def _codec(step: Step[Job, Any]) -> Any:  # noqa: ANN401 - each step's is of its own type
    if step.codec is None:
        raise LookupError(f"{step.name} has no result that can be handed on")
    return step.codec
