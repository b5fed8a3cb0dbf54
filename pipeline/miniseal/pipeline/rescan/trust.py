"""What a policy says about a package that is to be scanned again: before the scan, and after it.

Everything is checked that a host checks at admission, but for the scans themselves: that they are
old, or bad, is why there is a new one. Only what verifies counts: the bills of materials that are
scanned, and the scan that the new one follows, are evidence under the policy.
"""

from collections.abc import Iterator
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
from miniseal.verifier.budget import EVIDENCE_LIMIT
from miniseal.verifier.checks.deny import DENIED, denial
from miniseal.verifier.checks.vulnerabilities import Judged, check_vulnerabilities
from miniseal.verifier.core import Trusting
from miniseal.verifier.evidence import URIS, Collected, Evidence
from miniseal.verifier.examine import Examined, ask, examine, gather
from miniseal.verifier.keyring import Claimed, Keyring
from miniseal.verifier.policy.model import Namespace, Vulnerabilities
from miniseal.verifier.policy.model import Signer as NamedSigner
from miniseal.verifier.policy.patterns import seconds
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.signatory import Signatory
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
    meaning="a scan by this signer would count for nothing: the policy does not let it speak",
    cause="it is no signer of the namespace's scans, is past its end or denied, or no scan is "
    "asked for in this namespace",
    remedy="sign as somebody whom the policy names in [namespace.require.vulnerabilities]",
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
        trusting: the policy, the time, and the trust material.
        namespace: of the program.
        vulnerabilities: the rule about scans.
        speaker: by whom the new scan is, or would be, signed.
    """

    trusting: Trusting
    namespace: Namespace
    vulnerabilities: Vulnerabilities
    speaker: Claimed

    @property
    def policy(self) -> Policy:
        """All of it."""
        return self.trusting.policy

    @classmethod
    def of(
        cls, trusting: Trusting, app_id: str, scanning: Scanning, signer: Signer | None
    ) -> "Rules":
        """The rules for a program; what would come of a scan is not worth its time is refused here.

        Args:
            trusting: the platform's policy, the time, and the trust material.
            app_id: of the program.
            scanning: the scanner and its database.
            signer: who will sign, or None: anybody whom the policy names.

        Raises:
            VerificationError: `namespace-unknown`, `scan-signer-refused`, `scan-stale`.
        """
        policy, now = trusting.policy, trusting.now
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
        speaker = _speaker(policy, Keyring(policy, namespace), rule, signer, now)
        return cls(trusting=trusting, namespace=namespace, vulnerabilities=rule, speaker=speaker)

    def collect(self, app_id: str, source: Source, digest: str, now: int) -> Collected:
        """The evidence on a package of the program, scans included.

        Raises:
            VerificationError: `evidence-limit`, and what a verification refuses first.
            FormatError: `predicate-malformed`.
        """
        asked = ask(app_id, source, digest, replace(self.trusting, now=now))
        return gather(asked, source).collected

    def without_scans(self) -> Trusting:
        """The policy without its rule about scans of this namespace, and all else as it is."""
        namespace = self.namespace
        other = replace(namespace, require=replace(namespace.require, vulnerabilities=None))
        namespaces = tuple(
            other if each is namespace else each for each in self.policy.document.namespace
        )
        document = replace(self.policy.document, namespace=namespaces)
        return replace(self.trusting, policy=replace(self.policy, document=document))


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
    def of(cls, app_id: str, snapshot: Snapshot, name: str, rules: Rules) -> "Trusted":
        """Check what `name` names in a store, as a host would, but for its scans.

        Raises:
            VerificationError: every refusal of a verification; `bill-untrusted`.
            FormatError: content that does not follow its format.
            EnvironmentalError: the source's own errors.
        """
        examined = examine(app_id, snapshot, name, rules.without_scans())
        sbom = rules.namespace.require.sbom
        if sbom is None:
            raise BILL_UNTRUSTED(
                "the policy lets nobody list a package's parts", found=rules.namespace.apps
            )
        digest = examined.fetched.descriptor.digest
        collected = rules.collect(app_id, snapshot, digest, rules.trusting.now)
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
            len({each.signatory.id for each in same if name in each.signers})
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
            each.signatory.id == self.rules.speaker.id
            and from_text(each.predicate.finished_on) >= finished
            for each in collected.by(Vulns, self.rules.vulnerabilities.signers)
        )

    def supposing(self, scan: Vulns) -> Collected:
        """The evidence as it would be if this scan were signed and attached."""
        speaker = self.rules.speaker
        others = tuple(
            each
            for each in self.collected.evidence
            if not (isinstance(each.predicate, Vulns) and each.signatory.id == speaker.id)
        )
        supposed: Evidence[object] = Evidence(
            bundle=sha256(b""),
            data=b"",
            subjects=(),
            predicate=scan,
            signatory=_signatory(speaker),
            signers=speaker.signers,
        )
        return replace(self.collected, evidence=(*others, supposed))


def _speaker(
    policy: Policy, keyring: Keyring, rule: Vulnerabilities, signer: Signer | None, now: int
) -> Claimed:
    """This signer, or the first whom the policy names, and by which names; one that counts."""
    for each in _claimed(policy, keyring, rule, signer):
        if each is not None and each.valid_at(now):
            by = _signatory(each)
            if denial(policy, by, by.id) is None:
                return each
    raise SCAN_SIGNER_REFUSED(
        "the policy does not accept scans by this signer",
        found=str(signer.identity) if signer else None,
        expected=f"{' or '.join(rule.signers)}, by a valid key or identity",
    )


def _claimed(
    policy: Policy, keyring: Keyring, rule: Vulnerabilities, signer: Signer | None
) -> Iterator[Claimed | None]:
    kind = URIS[Vulns]
    if signer is None:
        for name in rule.signers:
            yield from (keyring.claimed_key(kind, key.hint) for key in policy.keys.get(name, ()))
            yield _whoever(name, policy.document.signer[name])
    elif isinstance(identity := signer.identity, KeyIdentity):
        yield keyring.claimed_key(kind, identity.hint)
    else:
        yield keyring.claimed_by(kind, CertificateIdentity.from_der(identity.certificate))


def _whoever(name: str, signer: NamedSigner) -> Claimed | None:
    """Somebody whom a keyless signer stands for, with the pattern where it names nobody exactly."""
    subject = signer.identity or signer.identity_pattern
    if signer.issuer is None or subject is None:
        return None
    identity = CertificateIdentity(
        issuer=signer.issuer,
        subject=subject,
        source_repository_id=signer.source_repository_id,
        source_owner_id=signer.source_owner_id,
    )
    return Claimed(by=identity, signers=frozenset({name}))


def _signatory(speaker: Claimed) -> Signatory:
    by = speaker.by
    return Signatory.of_key(by) if isinstance(by, PublicKey) else Signatory.of_certificate(by, ())


def _is_by(scan: Vulns, scanning: Scanning) -> bool:
    return (
        scan.scanner_digest == scanning.scanner
        and scan.database_digest == scanning.database
        and from_text(scan.database_updated) >= scanning.updated
    )
