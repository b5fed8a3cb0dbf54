"""rescan: published packages against a newer database, without building anything.

A package is checked as a host checks it; its content and its verified bills of materials are
scanned; the result is signed, attached, read back, and judged as a host will. A scan that is bad is
attached too: it is a fact, and the latest decides. One package's trouble is its own: the others are
done.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from miniseal.attestations import Signer, sign_statement
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.formats.predicates import vulns
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.statement import Statement
from miniseal.packager import Packed
from miniseal.pipeline.events import Events
from miniseal.pipeline.published import Target
from miniseal.pipeline.rescan.scanning import Scanning
from miniseal.pipeline.rescan.stored import Snapshot, packed_of, published_of, subjects_of
from miniseal.pipeline.rescan.trust import Rules, Trusted, check_scanner
from miniseal.registry import attach
from miniseal.verifier import Policy
from miniseal.verifier.checks.deny import DENIED
from miniseal.verifier.checks.version import VERSION_TOO_LOW
from miniseal.verifier.core import Trusting
from miniseal.verifier.evidence import Collected
from miniseal.verifier.examine import refusing
from miniseal.verifier.fetch import fetch
from miniseal.verifier.thresholds import VULNERABILITY_THRESHOLD, rank
from miniseal.verifier.vex import Suppressed

__all__ = ["RESCAN_FAILED", "STATEMENT_LOST", "Rescan", "Rescanned", "Status", "rescan"]

RESCAN_FAILED = Code(
    "rescan-failed",
    EnvironmentalError,
    meaning="the operating system refused something while a package was scanned again",
    cause="a full disk, or no rights in the folder for temporary files",
    remedy="correct what the message names, and run the rescan again",
)
STATEMENT_LOST = Code(
    "statement-lost",
    EnvironmentalError,
    meaning="a store does not give back the scan that was just attached, so no host will see it",
    cause="a store that lists referrers late or not at all",
    remedy="run the rescan again; if it stays so, the store cannot hold evidence",
)

Status = Literal["good", "alarm", "retired", "failed"]

_RETIRED = frozenset({DENIED.name, VERSION_TOO_LOW.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescan:
    """What a rescan needs beside the packages.

    Attributes:
        policy: that judges, and says who may speak.
        scanning: the scanner and its database.
        signer: signs the scans; None for a dry run, which attaches nothing.
        events: is told what happens.
        app_id: that each package must be, or None: what its config says.
        jobs: how many packages are scanned at the same time.
        again: whether what was scanned with this database is scanned once more.
        material: what `miniseal refresh` brought, for policies that need it.
        clock: seconds since 1970.
    """

    policy: Policy
    scanning: Scanning
    signer: Signer | None
    events: Events
    app_id: str | None = None
    jobs: int = 2
    again: bool = False
    material: bytes | None = None
    clock: Callable[[], float]


@dataclass(slots=True, kw_only=True)
class Rescanned:
    """What came of one package, filled in as far as it came.

    Attributes:
        reference: how the package was called.
        tags: that name it, as far as they were asked for.
        status: `good`; `alarm`: vulnerabilities reach the policy's threshold; `retired`: the policy
            refuses the package whatever a scan says; `failed`: no scan of it will be of use.
        app_id: of the program.
        version: code and name.
        package: digest of its manifest.
        unchanged: whether it was scanned with this database before.
        attached: digest of the bundle with the new scan.
        findings: how many the scan has.
        new: findings that the scan before did not have.
        gone: findings that only the scan before had.
        suppressed: findings that do not count, and who says so.
        error: why it is not good.
    """

    reference: str
    tags: tuple[str, ...]
    status: Status = "failed"
    app_id: str | None = None
    version: tuple[int, str] | None = None
    package: str | None = None
    unchanged: bool = False
    attached: str | None = None
    findings: int = 0
    new: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    error: MinisealError | None = None

    def to_json(self) -> dict[str, object]:
        """One entry of `packages`."""
        return {
            "reference": self.reference,
            "tags": list(self.tags),
            "status": self.status,
            "app_id": self.app_id,
            "version": dict(zip(("code", "name"), self.version, strict=True))
            if self.version
            else None,
            "package": self.package,
            "unchanged": self.unchanged,
            "attached": self.attached,
            "findings": self.findings,
            "new": [_shown(each) for each in self.new],
            "gone": [_shown(each) for each in self.gone],
            "suppressed": [each.to_json() for each in self.suppressed],
            "error": self.error.to_json() if self.error else None,
        }


def _shown(finding: Finding) -> dict[str, object]:
    return {
        "vulnerability": finding.id,
        "severity": finding.severity,
        "package": finding.package,
        "installed": finding.installed,
        "fixed": finding.fixed,
        "source": finding.source,
    }


async def rescan(targets: Iterable[Target], given: Rescan) -> tuple[Rescanned, ...]:
    """Scan published packages again, and attach what was found; a row for each.

    Raises:
        VerificationError: `denied`, if the policy denies the scanner.
    """
    check_scanner(given.policy, given.scanning)
    places = asyncio.Semaphore(given.jobs)

    async def one(target: Target) -> Rescanned:
        async with places:
            return await _rescan(target, given)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return tuple(task.result() for task in tasks)


async def _rescan(target: Target, given: Rescan) -> Rescanned:
    row = Rescanned(reference=target.reference, tags=target.tags)
    with suppress(MinisealError), given.events.step(target.reference) as facts:
        try:
            with refusing(), _storing():
                await _Package(target, given, row).run()
        except MinisealError as error:
            row.error = error
        row.status = _status(row.error)
        if row.error is not None and row.status != "retired":
            raise row.error
        facts.update(status=row.status, findings=row.findings, new=len(row.new))
    return row


@contextmanager
def _storing() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise RESCAN_FAILED(f"the package could not be scanned: {error}") from error


def _status(error: MinisealError | None) -> Status:
    if error is None:
        return "good"
    if error.code == VULNERABILITY_THRESHOLD.name:
        return "alarm"
    return "retired" if error.code in _RETIRED else "failed"


@dataclass(frozen=True, slots=True)
class _Package:
    """The work on one package; what is known of it goes into the row."""

    target: Target
    given: Rescan
    row: Rescanned

    async def run(self) -> None:
        """Check, scan, attach, judge.

        Raises:
            MinisealError: what hinders it, and `vulnerability-threshold`.
            OSError: the operating system refuses something.
        """
        given, row = self.given, self.row
        if self.target.error is not None:
            raise self.target.error
        trusted = await asyncio.to_thread(self._trusted)
        before = tuple(finding for each in trusted.latest() for finding in each.predicate.findings)
        if trusted.has(given.scanning) and not given.again:
            row.unchanged = True
            row.findings = len(before)
            collected = trusted.collected
        else:
            fetched, content = trusted.examined.fetched, trusted.examined.content
            packed = await asyncio.to_thread(packed_of, fetched, content)
            scan = await given.scanning.scan(packed, trusted.bills)
            row.findings = len(scan.findings)
            row.new = _only(scan.findings, before)
            row.gone = _only(before, scan.findings)
            collected = await asyncio.to_thread(self._attached, trusted, packed, scan)
        row.suppressed = trusted.judge(collected, int(given.clock())).suppressed

    def _trusted(self) -> Trusted:
        given, row, target = self.given, self.row, self.target
        now = int(given.clock())
        snapshot = Snapshot(target.store)
        fetched = fetch(snapshot, target.name)
        manifest = fetched.config.manifest
        row.app_id, row.package = manifest.app_id, fetched.descriptor.digest
        row.version = (manifest.version_code, manifest.version_name)
        app_id = given.app_id or manifest.app_id
        trusting = Trusting(policy=given.policy, now=now, material=given.material)
        rules = Rules.of(trusting, app_id, given.scanning, given.signer)
        trusted = Trusted.of(app_id, snapshot, target.name, rules)
        trusted.check_order(given.scanning, now)
        return trusted

    def _attached(self, trusted: Trusted, packed: Packed, scan: Vulns) -> Collected:
        """The evidence with the new scan: attached, and as the store gives it back."""
        signer, store = self.given.signer, self.target.store
        if signer is None:
            return trusted.supposing(scan)
        published = published_of(store, packed)
        statement = Statement(
            subjects=subjects_of(packed, published),
            predicate_type=vulns.PREDICATE_TYPE,
            predicate=scan.to_json(),
        )
        bundle = sign_statement(statement.to_bytes(), signer)
        for subject in published:
            attach(store, subject, bundle, vulns.PREDICATE_TYPE)
        self.row.attached = sha256(bundle)
        digest, now = trusted.examined.fetched.descriptor.digest, int(self.given.clock())
        app_id = trusted.examined.fetched.config.manifest.app_id
        collected = trusted.rules.collect(app_id, store, digest, now)
        if not trusted.is_heard(scan, collected):
            raise STATEMENT_LOST(
                "the store does not give back what was attached", found=self.row.attached
            )
        return collected


def _only(findings: Iterable[Finding], others: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that the others do not have, each vulnerability of a package once."""
    known = {(each.id, each.package) for each in others}
    found = {(each.id, each.package): each for each in findings}
    return tuple(each for name, each in sorted(found.items(), key=_order) if name not in known)


def _order(item: tuple[tuple[str, str | None], Finding]) -> tuple[int, str, str]:
    (name, package), finding = item
    return -rank(finding.severity), name, package or ""
