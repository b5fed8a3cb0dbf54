"""What the statements of a release say, in the words of a page.

A statement is somebody's claim: it is read and shown, never judged. One that cannot be read is
listed by its type.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates import link, openvex, provenance, sbom, scai, test_result, vulns
from miniseal.formats.predicates.resource import Resource
from miniseal.pipeline.report.model import Report
from miniseal.pipeline.report.words import count, plain_list, short

__all__ = ["Claims", "Evidence", "claims_of", "evidence_of", "imports_of"]

_NAMES = {
    provenance.PREDICATE_TYPE: "Build",
    sbom.PREDICATE_TYPE: "Bill of materials",
    vulns.PREDICATE_TYPE: "Vulnerabilities",
    test_result.PREDICATE_TYPE: "Checks",
    scai.PREDICATE_TYPE: "Capabilities",
    openvex.PREDICATE_TYPE: "VEX",
    link.PREDICATE_TYPE: "Step",
}
_Kind = TypeVar("_Kind", provenance.Provenance, sbom.Sbom, vulns.Vulns, scai.Scai)

_CHECKS = {
    "https://miniseal.dev/checks/pipeline@v1": "The pipeline's checks",
    "https://miniseal.dev/checks/program@v1": "The program's tests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One row of the table of evidence.

    Attributes:
        name: for people.
        kind: the predicate type.
        says: in a sentence.
        subjects: names of what it is about.
        signers: who signed it, by the policy's names, or by the key's hint.
        bundle: digest of the bundle that holds it, where only the verifier's list is known.
    """

    name: str
    kind: str
    says: str = ""
    subjects: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    bundle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The predicates of a release, read; None where there is no such statement."""

    build: provenance.Provenance | None = None
    bill: sbom.Sbom | None = None
    scan: vulns.Vulns | None = None
    capabilities: scai.Scai | None = None
    checks: tuple[test_result.TestResult, ...] = ()

    def check(self, name: str) -> str | None:
        """How the test `name` went: `passed`, `warned`, `failed`, or None where none says."""
        for result in self.checks:
            for word in ("passed", "warned", "failed"):
                if name in getattr(result, word):
                    return word
        return None


def claims_of(report: Report) -> Claims:
    """What the statements say; the first of each type, as a release makes one."""
    read = [_predicate(statement) for statement in report.statements]
    return Claims(
        build=_first(read, provenance.Provenance),
        bill=_first(read, sbom.Sbom),
        scan=report.vulns or _first(read, vulns.Vulns),
        capabilities=_first(read, scai.Scai),
        checks=tuple(each for each in read if isinstance(each, test_result.TestResult)),
    )


def evidence_of(report: Report) -> tuple[Evidence, ...]:
    """A row for each statement; for each verified one where the statements are not known."""
    verified = report.verdict.evidence if report.verdict else ()
    if not report.statements:
        return tuple(
            Evidence(
                name=_NAMES.get(each.predicate_type, "Statement"),
                kind=each.predicate_type,
                signers=each.signers,
                bundle=each.bundle,
            )
            for each in verified
        )
    rows: list[Evidence] = []
    for statement in report.statements:
        kind = str(statement.get("predicateType", ""))
        same = [each for each in verified if each.predicate_type == kind]
        signers = sorted({name for each in same for name in each.signers})
        predicate = _predicate(statement)
        rows.append(
            Evidence(
                name=_name(kind, predicate),
                kind=kind,
                says=_says(predicate),
                subjects=tuple(_subjects(statement)),
                signers=tuple(signers) or ((report.signer,) if report.signer else ()),
            )
        )
    return tuple(rows)


_Predicate = (
    provenance.Provenance
    | sbom.Sbom
    | vulns.Vulns
    | scai.Scai
    | test_result.TestResult
    | openvex.Document
    | link.Link
    | None
)
_READERS: Mapping[str, Callable[[object], _Predicate]] = {
    provenance.PREDICATE_TYPE: provenance.Provenance.from_json,
    sbom.PREDICATE_TYPE: sbom.Sbom.from_json,
    vulns.PREDICATE_TYPE: vulns.Vulns.from_json,
    scai.PREDICATE_TYPE: scai.Scai.from_json,
    test_result.PREDICATE_TYPE: test_result.TestResult.from_json,
    openvex.PREDICATE_TYPE: openvex.Document.from_json,
    link.PREDICATE_TYPE: link.Link.from_json,
}


def _predicate(statement: Mapping[str, object]) -> _Predicate:
    reader = _READERS.get(str(statement.get("predicateType", "")))
    try:
        return reader(statement.get("predicate")) if reader else None
    except MinisealError:
        return None


def _first(read: Iterable[_Predicate], kind: type[_Kind]) -> _Kind | None:
    return next((each for each in read if isinstance(each, kind)), None)


def _name(kind: str, predicate: _Predicate) -> str:
    if isinstance(predicate, test_result.TestResult):
        uris = [resource.uri or "" for resource in predicate.configuration]
        return next((_CHECKS[uri] for uri in uris if uri in _CHECKS), "Checks")
    return _NAMES.get(kind, "Statement")


def _subjects(statement: Mapping[str, object]) -> Iterator[str]:
    subjects = statement.get("subject")
    for subject in cast("list[object]", subjects) if isinstance(subjects, list) else ():
        if isinstance(subject, dict):
            yield str(cast("dict[str, object]", subject).get("name", ""))


def _says(predicate: _Predicate) -> str:
    """A predicate in one sentence without a full stop."""
    match predicate:
        case provenance.Provenance():
            text = _says_built(predicate)
        case sbom.Sbom():
            tools = sum(part.scope == "excluded" for part in predicate.components)
            shipped = count(len(predicate.components) - tools, "part")
            text = f"{shipped} shipped, {count(tools, 'tool')} that built them"
        case vulns.Vulns():
            known = {(each.id, each.package, each.installed) for each in predicate.findings}
            found = count(len(known), "known vulnerability", "known vulnerabilities")
            text = f"{found}, by the advisories of {predicate.database_updated[:10]}"
        case scai.Scai():
            text = _says_reach(predicate)
        case test_result.TestResult():
            text = _says_checked(predicate)
        case openvex.Document():
            number = len(predicate.statements)
            text = f"speaks of {count(number, 'vulnerability', 'vulnerabilities')}"
        case link.Link():
            used = plain_list([resource.name or "" for resource in predicate.materials])
            text = f"{predicate.name}, from {used or 'nothing before it'}"
        case _:
            text = ""
    return text


def _says_built(build: provenance.Provenance) -> str:
    toolchain = build.external_parameters.get("toolchain")
    known = cast("dict[str, object]", toolchain) if isinstance(toolchain, dict) else {}
    name = known.get("name")
    source = next(iter(build.dependencies), Resource())
    commit = source.digest.get("gitCommit")
    place = (
        f"commit {commit[:12]}" if commit else f"source {short(source.digest.get('sha256', ''))}"
    )
    return f"{name or 'a toolchain'} made the wasm from {place}"


def _says_reach(capabilities: scai.Scai) -> str:
    reached = [module for module, _ in imports_of(capabilities)]
    assets = sum(each.attribute == "EXECUTABLE_ASSET" for each in capabilities.attributes)
    more = f", and {count(assets, 'asset')} can be executed" if assets else ""
    return f"the wasm imports {plain_list(reached) or 'nothing'}{more}"


def _says_checked(result: test_result.TestResult) -> str:
    parts = [
        f"{word}: {', '.join(names)}"
        for word, names in (
            ("failed", result.failed),
            ("warned", result.warned),
            ("passed", result.passed),
        )
        if names
    ]
    return "; ".join(parts) or result.result.lower()


def imports_of(capabilities: scai.Scai) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The modules that a wasm imports, with the functions."""
    for each in capabilities.attributes:
        conditions = each.conditions or {}
        functions = conditions.get("functions")
        if each.attribute == "IMPORTS":
            names = cast("list[object]", functions) if isinstance(functions, list) else []
            yield str(conditions.get("module", "")), tuple(str(name) for name in names)
