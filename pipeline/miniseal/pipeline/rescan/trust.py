"""What a policy says about a package that is to be scanned again: before the scan, and after it.

Everything is checked that a host checks at admission, but for the scans themselves: that they are
old, or bad, is why there is a new one. Only what verifies counts: the bills of materials that are
scanned, and the scan that the new one follows, are evidence under the policy.
"""

from dataclasses import dataclass, replace

from miniseal.attestations import KeyIdentity, Signer
from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.times import from_text, to_text
from miniseal.pipeline.rescan.scanning import Scanning
from miniseal.pipeline.rescan.stored import Snapshot, bills_of
from miniseal.verifier import Policy, Source
from miniseal.verifier.bundles import EVIDENCE_LIMIT
from miniseal.verifier.checks.deny import DENIED, sift
from miniseal.verifier.checks.vulnerabilities import Judged, check_vulnerabilities
from miniseal.verifier.collect import Keyring, collect
from miniseal.verifier.evidence import URIS, Collected, Evidence
from miniseal.verifier.examine import Examined, examine
from miniseal.verifier.policy.model import Namespace, Vulnerabilities
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.thresholds import SCAN_FROM_FUTURE, SCAN_STALE
from miniseal.verifier.vex import Identity

__all__ = [
    "BILL_UNTRUSTED",
    "DATABASE_OLDER",
    "SCAN_SIGNER_REFUSED",
    "Rules",
    "Trusted",
    "check_scanner",
]

SCAN_SIGNER_REFUSED = Code(
    "scan-signer-refused",
    VerificationError,
    meaning="a scan by this key would count for nothing: the policy does not let it speak",
    cause="the key is no signer of the namespace's scans, is past its end or denied, or no scan is "
    "asked for in this namespace",
    remedy="sign with a key that the policy names in [namespace.require.vulnerabilities]",
)
BILL_UNTRUSTED = Code(
    "bill-untrusted",
    VerificationError,
    meaning="the policy names nobody who may say what a package consists of",
    cause="the namespace has no [namespace.require.sbom]",
    remedy="require a bill of materials, and name its signers",
)
DATABASE_OLDER = Code(
    "database-older",
    VerificationError,
    meaning="an authorised scan of the package was made with a newer vulnerability database",
    cause="the database here has not been updated, or another scanner's is ahead",
    remedy="update the database: an older one must not have the last word",
)

_MOST_BILLS = 8


def check_scanner(policy: Policy, scanning: Scanning) -> None:
    """Refuse a scanner whose scans count for nothing.

    Raises:
        VerificationError: `denied`.
    """
    for entry in policy.document.deny:
        if entry.scanner == scanning.scanner:
            raise DENIED(f"denied by the policy: {entry.reason}", found=scanning.scanner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a policy asks of scans of one program, and in whose name the new one is made.

    Attributes:
        policy: all of it.
        namespace: of the program.
        vulnerabilities: the rule about scans.
        keyring: who may say what.
        key: that the new scan is, or would be, signed with.
        signers: the policy's names for whoever holds it.
    """

    policy: Policy
    namespace: Namespace
    vulnerabilities: Vulnerabilities
    keyring: Keyring
    key: PublicKey
    signers: frozenset[str]

    @classmethod
    def of(
        cls, policy: Policy, app_id: str, scanning: Scanning, signer: Signer | None, *, now: int
    ) -> "Rules":
        """The rules for a program; what would come of a scan is not worth its time is refused here.

        Args:
            policy: the platform's.
            app_id: of the program.
            scanning: the scanner and its database.
            signer: who will sign, or None: anybody whom the policy names.
            now: seconds since 1970.

        Raises:
            VerificationError: `namespace-unknown`, `scan-signer-refused`, `scan-stale`.
        """
        namespace = policy.namespace(app_id)
        rule = namespace.require.vulnerabilities
        if rule is None:
            raise SCAN_SIGNER_REFUSED("the policy asks for no scan", found=namespace.apps)
        if now >= scanning.updated + (seconds(rule.max_age) or 0):
            raise SCAN_STALE(
                "a scan with this database would be too old at once",
                found=f"database {to_text(scanning.updated)}",
                expected=f"at most {rule.max_age} old",
            )
        keyring = Keyring(policy, namespace)
        key, signers = _speaker(policy, keyring, rule, signer, now)
        return cls(
            policy=policy,
            namespace=namespace,
            vulnerabilities=rule,
            keyring=keyring,
            key=key,
            signers=signers,
        )

    def collect(self, examined: Examined, source: Source, now: int) -> Collected:
        """The evidence on a package, scans included.

        Raises:
            VerificationError: `evidence-limit`.
            FormatError: `predicate-malformed`.
        """
        package = examined.fetched.descriptor
        return sift(self.policy, collect(source, package, self.keyring, now))

    def without_scans(self) -> Policy:
        """The policy without its rule about scans of this namespace, and all else as it is."""
        namespace = self.namespace
        other = replace(namespace, require=replace(namespace.require, vulnerabilities=None))
        namespaces = tuple(
            other if each is namespace else each for each in self.policy.document.namespace
        )
        return replace(self.policy, document=replace(self.policy.document, namespace=namespaces))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A package that a host would admit if its scans were good.

    Attributes:
        rules: for it.
        examined: manifest, config and content.
        collected: the evidence.
        bills: the bills of materials that count.
    """

    rules: Rules
    examined: Examined
    collected: Collected
    bills: tuple[dict[str, object], ...]

    @classmethod
    def of(cls, app_id: str, snapshot: Snapshot, name: str, rules: Rules, now: int) -> "Trusted":
        """Check what `name` names in a store, as a host would, but for its scans.

        Raises:
            VerificationError: every refusal of a verification; `bill-untrusted`.
            FormatError: content that does not follow its format.
            EnvironmentalError: the source's own errors.
        """
        examined = examine(app_id, snapshot, name, rules.without_scans(), now)
        sbom = rules.namespace.require.sbom
        if sbom is None:
            raise BILL_UNTRUSTED(
                "the policy lets nobody list a package's parts", found=rules.namespace.apps
            )
        collected = rules.collect(examined, snapshot, now)
        bills = bills_of(collected.by(Sbom, sbom.signers), examined.fetched.config.wasm.digest)
        if len(bills) > _MOST_BILLS:
            raise EVIDENCE_LIMIT(
                "too many bills of materials", found=str(len(bills)), expected=str(_MOST_BILLS)
            )
        return cls(rules=rules, examined=examined, collected=collected, bills=bills)

    def scans(self) -> tuple[Evidence[Vulns], ...]:
        """The scans that count, of each key its latest."""
        return self.collected.by(Vulns, self.rules.vulnerabilities.signers)

    def latest(self) -> tuple[Evidence[Vulns], ...]:
        """The scan that decides now; several where they end in the same second."""
        scans = self.scans()
        last = max((from_text(each.predicate.finished_on) for each in scans), default=0)
        return tuple(each for each in scans if from_text(each.predicate.finished_on) == last)

    def check_order(self, scanning: Scanning, now: int) -> None:
        """Refuse a scan that knows less than one there is, and one that would not be the latest.

        Raises:
            VerificationError: `database-older`, `scan-from-future`.
        """
        for each in self.scans():
            if from_text(each.predicate.database_updated) > scanning.updated:
                raise DATABASE_OLDER(
                    "there is a scan with a newer database",
                    found=to_text(scanning.updated),
                    expected=f"{each.predicate.database_updated} or later",
                )
            if from_text(each.predicate.finished_on) > now:
                raise SCAN_FROM_FUTURE(
                    "there is a scan from the future, and it would go on to decide",
                    found=each.predicate.finished_on,
                    expected=f"now, {to_text(now)}",
                )

    def has(self, scanning: Scanning) -> bool:
        """Whether enough keys have scanned with this scanner and database, and nobody later."""
        latest = self.latest()
        same = [each for each in self.scans() if _is_by(each.predicate, scanning)]
        signers = self.rules.policy.document.signer
        enough = any(
            len({each.key.digest for each in same if name in each.signers})
            >= signers[name].threshold
            for name in self.rules.vulnerabilities.signers
        )
        return enough and all(_is_by(each.predicate, scanning) for each in latest)

    def judge(self, collected: Collected, now: int) -> Judged:
        """What a host would say to the scans among this evidence.

        Raises:
            VerificationError: `vulnerability-threshold`, and what else scans are refused for.
        """
        fetched = self.examined.fetched
        identity = Identity.of(fetched.config, fetched.descriptor.digest)
        rules = self.rules
        return check_vulnerabilities(rules.vulnerabilities, collected, rules.policy, identity, now)

    def is_heard(self, scan: Vulns, collected: Collected) -> bool:
        """Whether this scan, or a later one by the same key, is among the evidence."""
        finished = from_text(scan.finished_on)
        return any(
            each.key.digest == self.rules.key.digest
            and from_text(each.predicate.finished_on) >= finished
            for each in collected.by(Vulns, self.rules.vulnerabilities.signers)
        )

    def supposing(self, scan: Vulns) -> Collected:
        """The evidence as it would be if this scan were signed and attached."""
        key = self.rules.key
        others = tuple(
            each
            for each in self.collected.evidence
            if not (isinstance(each.predicate, Vulns) and each.key.digest == key.digest)
        )
        supposed: Evidence[object] = Evidence(
            bundle=sha256(b""), data=b"", predicate=scan, key=key, signers=self.rules.signers
        )
        return replace(self.collected, evidence=(*others, supposed))


def _speaker(
    policy: Policy, keyring: Keyring, rule: Vulnerabilities, signer: Signer | None, now: int
) -> tuple[PublicKey, frozenset[str]]:
    """This signer's key, or the first of the policy's, and whose it is; one that counts."""
    if signer is None:
        hints = [key.hint for name in rule.signers for key in policy.keys[name]]
    else:
        identity = signer.identity
        hints = [identity.hint] if isinstance(identity, KeyIdentity) else []
    for each in hints:
        claimed = keyring.claimed(URIS[Vulns], each)
        if claimed is not None:
            key, signers = claimed
            if key.valid_at(now) and keyring.denial(key, key.digest) is None:
                return key, frozenset(signers)
    raise SCAN_SIGNER_REFUSED(
        "the policy does not accept scans by this key",
        found=str(signer.identity) if signer else None,
        expected=f"a valid key of {' or '.join(rule.signers)}",
    )


def _is_by(scan: Vulns, scanning: Scanning) -> bool:
    return (
        scan.scanner_digest == scanning.scanner
        and scan.database_digest == scanning.database
        and from_text(scan.database_updated) >= scanning.updated
    )
