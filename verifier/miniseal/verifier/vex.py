"""Which findings of a scan do not count, and who says so: pure functions, shared with the gate.

A statement speaks about a finding when it names the vulnerability, and either the package (all of
it, or a subcomponent that is the finding's) or the finding's component by its package URL. Of the
statements that speak about a finding the latest decides; of several in one second, one that does
not suppress. Whose documents are read is decided before, and what is suppressed is handed back, so
that it can be shown: nothing is dropped here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from miniseal.formats.config import Config
from miniseal.formats.predicates.openvex import Document, Product, Statement
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.purl import PackageUrl
from miniseal.formats.times import to_text
from miniseal.verifier.thresholds import FUTURE_SKEW, rank

__all__ = ["NO_FIX", "Identity", "Said", "Suppressed", "Vex", "weigh"]

NO_FIX = "no_fix"
"""The reason of a finding that does not count because there is nothing to update to."""

_SUPPRESSING = frozenset({"not_affected", "fixed"})
_SHA256 = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a VEX product may call a package by.

    Attributes:
        app_id: of the program; as it stands, or `pkg:generic/APP_ID`.
        version: its version.name.
        digest: of the package manifest, or None before there is one.
    """

    app_id: str
    version: str
    digest: str | None = None

    @classmethod
    def of(cls, config: Config, digest: str) -> "Identity":
        """The names of the package with this config and manifest digest."""
        manifest = config.manifest
        return cls(app_id=manifest.app_id, version=manifest.version_name, digest=digest)

    def is_named_by(self, product: Product) -> bool:
        """Whether `product` is this package; a digest that it gives has to be the manifest's."""
        if product.hashes:
            hexadecimal = product.hashes.get("sha-256")
            return self.digest is not None and hexadecimal == self.digest.removeprefix(_SHA256)
        return any(self._is(name) for name in product.names)

    def _is(self, name: str) -> bool:
        if name == self.app_id or (self.digest is not None and name == self.digest):
            return True
        url = PackageUrl.parse(name)
        if url is None or url.version is None:
            return url is not None and self._is_generic(url)
        if url.type == "oci":
            return url.version == self.digest
        return self._is_generic(url) and url.version == self.version

    def _is_generic(self, url: PackageUrl) -> bool:
        return (url.type, url.namespace, url.name) == ("generic", "", self.app_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A document, and who stands behind it.

    Attributes:
        document: what is said.
        signers: the names of whoever signed it.
        key: what tells one signature's key from another's.
        bundle: digest of the bundle that it came in, or None for one that nobody signed yet.
    """

    document: Document
    signers: frozenset[str]
    key: str = ""
    bundle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A finding that does not count, and why.

    Attributes:
        finding: as the scanner reported it.
        reason: `not_affected` or `fixed`, as a statement says; or `NO_FIX`, as the rule says.
        justification: of the statement, or None.
        impact_statement: of the statement, or None.
        since: when the statement was made, `YYYY-MM-DDTHH:MM:SSZ`, or None.
        documents: the ids of the documents that it rests on.
        signers: the names of whoever they are by, as far as their word was needed.
        bundles: digests of the bundles that they came in.
    """

    finding: Finding
    reason: str
    justification: str | None = None
    impact_statement: str | None = None
    since: str | None = None
    documents: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """One entry of `suppressed` in a verdict."""
        return {
            "vulnerability": self.finding.id,
            "severity": self.finding.severity,
            "package": self.finding.package,
            "source": self.finding.source,
            "reason": self.reason,
            "justification": self.justification,
            "impact_statement": self.impact_statement,
            "since": self.since,
            "documents": list(self.documents),
            "signers": list(self.signers),
            "bundles": list(self.bundles),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A statement about one component, or about all of the package (`url` is None then)."""

    url: PackageUrl | None
    statement: Statement
    time: int
    said: Said

    @property
    def suppresses(self) -> bool:
        return self.statement.status in _SUPPRESSING

    def speaks_about(self, url: PackageUrl | None) -> bool:
        return self.url is None or (url is not None and self.url.covers(url))


_Key = tuple[str, tuple[str, str, str] | None]
"""A vulnerability and a package, or None for all of them."""


@dataclass(frozen=True, slots=True)
class Vex:
    """Everything that is said about one package, ready to be asked.

    Attributes:
        thresholds: how many distinct keys of each signer have to agree before a finding is
            suppressed; one key is enough to have it count again.
        now: seconds since 1970; what is said later suppresses nothing yet.
    """

    thresholds: Mapping[str, int]
    now: int
    _entries: dict[_Key, list[_Entry]] = field(default_factory=dict[_Key, list[_Entry]])

    @classmethod
    def of(
        cls, said: Iterable[Said], identity: Identity, *, thresholds: Mapping[str, int], now: int
    ) -> "Vex":
        """Sort what is said about the package `identity` by vulnerability.

        Of several versions of one document by one key the highest stands for them all: what it says
        no more is not said.
        """
        vex = cls(thresholds, now)
        for each in _current(said):
            for statement in each.document.statements:
                time = each.document.time_of(statement)
                for url in _targets(statement, identity):
                    entry = _Entry(url=url, statement=statement, time=time, said=each)
                    for name in statement.vulnerability.names:
                        vex._entries.setdefault((name, _package(url)), []).append(entry)
        return vex

    def judge(self, finding: Finding) -> Suppressed | None:
        """Why a finding does not count, or None where it does."""
        entries = self._about(finding)
        latest = max((each.time for each in entries), default=0)
        if not all(each.suppresses for each in entries if each.time == latest):
            return None
        agreeing = _agreeing(entries)
        for signer, needed in self.thresholds.items():
            by_key = {each.said.key: each for each in agreeing if signer in each.said.signers}
            if len(by_key) >= needed:
                return _suppressed(finding, signer, tuple(by_key.values()))
        return None

    def _about(self, finding: Finding) -> list[_Entry]:
        url = None if finding.package is None else PackageUrl.parse(finding.package)
        if url is not None and url.version is None:
            url = replace(url, version=finding.installed)
        return [
            each
            for package in dict.fromkeys((None, _package(url)))
            for each in self._entries.get((finding.id, package), ())
            if each.speaks_about(url)
            and not (each.suppresses and each.time > self.now + FUTURE_SKEW)
        ]


def weigh(
    scan: Vulns, vex: Vex, *, fail_on: str, ignore_unfixed: bool
) -> tuple[Vulns, tuple[Suppressed, ...]]:
    """The scan with the findings that count, and the others with their reasons.

    Args:
        scan: all that was found.
        vex: what is said about it.
        fail_on: the mildest severity that a finding without a fix is told of; below it nothing
            would have come of it.
        ignore_unfixed: whether findings count that nobody can do away with by an update.
    """
    counted: list[Finding] = []
    suppressed: list[Suppressed] = []
    for finding in scan.findings:
        judged = vex.judge(finding)
        if judged is None and ignore_unfixed and finding.has_no_fix:
            if rank(finding.severity) >= rank(fail_on):
                suppressed.append(Suppressed(finding=finding, reason=NO_FIX))
        elif judged is None:
            counted.append(finding)
        else:
            suppressed.append(judged)
    return replace(scan, findings=tuple(counted)), tuple(suppressed)


def _current(said: Iterable[Said]) -> Iterator[Said]:
    """The highest version of each document of each key, all of them where several claim it."""
    everything = tuple(said)
    highest: dict[tuple[str, str], int] = {}
    for each in everything:
        name = (each.key, each.document.id)
        highest[name] = max(each.document.version, highest.get(name, 0))
    return (
        each for each in everything if each.document.version == highest[each.key, each.document.id]
    )


def _targets(statement: Statement, identity: Identity) -> Iterator[PackageUrl | None]:
    """What a statement is about, as far as it can be in the package; None for all of it."""
    if not statement.products:
        yield None  # whatever carries the document: the statement's subject, which is the package
    for product in statement.products:
        if identity.is_named_by(product):
            if not product.subcomponents:
                yield None
            for part in product.subcomponents:
                yield from _urls(part.names)
        elif not product.subcomponents:
            yield from _urls(product.names)


def _package(url: PackageUrl | None) -> tuple[str, str, str] | None:
    return None if url is None else url.package


def _urls(names: Iterable[str]) -> Iterator[PackageUrl]:
    for name in names:
        url = PackageUrl.parse(name)
        if url is not None:
            yield url


def _agreeing(entries: list[_Entry]) -> list[_Entry]:
    """Of each key its latest statement, where that suppresses."""
    latest: dict[str, int] = {}
    for each in entries:
        latest[each.said.key] = max(each.time, latest.get(each.said.key, each.time))
    last = [each for each in entries if each.time == latest[each.said.key]]
    against = {each.said.key for each in last if not each.suppresses}
    return [each for each in last if each.said.key not in against]


def _suppressed(finding: Finding, signer: str, entries: tuple[_Entry, ...]) -> Suppressed:
    newest = max(entries, key=lambda each: each.time)
    return Suppressed(
        finding=finding,
        reason=newest.statement.status,
        justification=newest.statement.justification,
        impact_statement=newest.statement.impact_statement,
        since=to_text(newest.time),
        documents=tuple(sorted({each.said.document.id for each in entries})),
        signers=(signer,),
        bundles=tuple(sorted({each.said.bundle for each in entries if each.said.bundle})),
    )
