"""OSV advisories, read for what a scanner's database needs of them.

The format is ossf.github.io/osv-schema. Ecosystems that are not listed here and ranges of git
commits are left out; whoever builds a database counts what remains. Nothing here does I/O.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from miniseal.formats import strictjson
from miniseal.formats.errors import Code, FormatError, MinisealError
from miniseal.formats.members import Members
from miniseal.pipeline.trivy import cvss

__all__ = ["ADVISORY_LIMIT", "ADVISORY_MALFORMED", "ECOSYSTEMS", "Advisory", "Affected"]

ADVISORY_MALFORMED = Code(
    "advisory-malformed",
    FormatError,
    meaning="a file is not an OSV advisory, or one with ranges that cannot be understood",
    cause="another kind of JSON in the folder, a truncated download, or a version with operators",
    remedy="remove the file that the message names, or fetch it again",
)

ADVISORY_LIMIT = 16 * 1024 * 1024
ECOSYSTEMS = {"npm": "npm", "PyPI": "pip", "crates.io": "cargo", "Go": "go", "Maven": "maven"}

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_VERSION = re.compile(r"[^\s,|<>=^~*\"\\\x00-\x1f]{1,200}")
_WORDS = {
    "critical": "critical",
    "high": "high",
    "moderate": "medium",
    "medium": "medium",
    "low": "low",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One package that an advisory is about.

    Attributes:
        ecosystem: Trivy's word for it.
        package: its name, as Trivy looks it up.
        vulnerable: constraints, any of which is enough, for example `>=1.0.0, <1.2.6`.
        patched: versions that fix it.
    """

    ecosystem: str
    package: str
    vulnerable: tuple[str, ...]
    patched: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One advisory.

    Attributes:
        id: the advisory's own.
        vulnerability: its first CVE alias, or its own id.
        title: one line.
        severity: `critical`, `high`, `medium`, `low` or `unknown`.
        affected: packages of the ecosystems that are known here.
        withdrawn: whether it has been taken back.
    """

    id: str
    vulnerability: str
    title: str
    severity: str
    affected: tuple[Affected, ...]
    withdrawn: bool

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Advisory":
        """Read one advisory; `what` names the file in errors.

        Raises:
            FormatError: `advisory-malformed`.
        """
        try:
            value = strictjson.loads(data, limit=ADVISORY_LIMIT, what=what, floats=True)
        except MinisealError as error:
            raise ADVISORY_MALFORMED(error.message) from error
        members = Members(value, what, ADVISORY_MALFORMED)
        own = _identifier(members.string("id"), what)
        aliases = members.strings("aliases") if "aliases" in members else []
        cves = sorted(alias for alias in aliases if alias.startswith("CVE-"))
        affected = members.children("affected") if "affected" in members else []
        summary = members.optional_string("summary") or own
        return cls(
            id=own,
            vulnerability=_identifier(cves[0], what) if cves else own,
            title=summary.splitlines()[0][:200],
            severity=_severity(members, affected),
            affected=tuple(item for part in affected for item in _affected(part)),
            withdrawn="withdrawn" in members,
        )


def _identifier(text: str, what: str) -> str:
    if _IDENTIFIER.fullmatch(text) is None:
        raise ADVISORY_MALFORMED(f"{what} has an odd identifier", found=repr(text)[:60])
    return text


def _severity(advisory: Members, affected: list[Members]) -> str:
    """The source's own word, else the worst CVSS 3 score, else `unknown`."""
    for part in (advisory, *affected):
        if "database_specific" in part:
            told = part.child("database_specific").values.get("severity")
            if isinstance(told, str) and told.lower() in _WORDS:
                return _WORDS[told.lower()]
    scores = [
        score
        for part in (advisory, *affected)
        for entry in (part.children("severity") if "severity" in part else [])
        if (score := cvss.base_score(entry.string("score"))) is not None
    ]
    return cvss.word(max(scores)) if scores else "unknown"


def _affected(part: Members) -> Iterator[Affected]:
    if "package" not in part:  # an advisory may name commits alone
        return
    package = part.child("package")
    ecosystem = ECOSYSTEMS.get(package.string("ecosystem").partition(":")[0])
    if ecosystem is None:
        return
    name = package.string("name")
    vulnerable: list[str] = []
    patched: list[str] = []
    for span in part.children("ranges") if "ranges" in part else []:
        if span.string("type") != "GIT":
            vulnerable += _constraints(span, patched)
    if not vulnerable:
        operator = "==" if ecosystem == "pip" else "="
        listed = part.strings("versions") if "versions" in part else []
        vulnerable = [f"{operator}{_version(text, part.what)}" for text in listed]
    if vulnerable:
        yield Affected(
            ecosystem=ecosystem,
            package=name.lower().replace("_", "-") if ecosystem == "pip" else name,
            vulnerable=tuple(dict.fromkeys(vulnerable)),
            patched=tuple(dict.fromkeys(patched)),
        )


def _constraints(span: Members, patched: list[str]) -> Iterator[str]:
    """One constraint for each `introduced` and what ends it, if anything does."""
    low: str | None = None
    for event in span.children("events"):
        kinds = {"introduced", "fixed", "last_affected", "limit"} & event.values.keys()
        if len(kinds) != 1:
            raise ADVISORY_MALFORMED(f"{event.what} is not one event", found=str(sorted(kinds)))
        kind = kinds.pop()
        version = "" if kind == "limit" else _version(event.string(kind), event.what)
        if kind == "introduced":
            if low is not None:
                yield f">={low}"
            low = version
        elif kind != "limit":
            if low is None:
                raise ADVISORY_MALFORMED(f"{event.what} ends what nothing introduced")
            end = f"<{version}" if kind == "fixed" else f"<={version}"
            yield end if low == "0" else f">={low}, {end}"
            low = None
            patched += [version] if kind == "fixed" else []
    if low is not None:
        yield f">={low}"


def _version(text: str, what: str) -> str:
    if _VERSION.fullmatch(text) is None:
        raise ADVISORY_MALFORMED(f"{what} has an odd version", found=repr(text)[:60])
    return text
