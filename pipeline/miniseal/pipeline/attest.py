"""A predicate that somebody wrote, signed as a statement about a published package.

What a release says by itself is `steps.attest`'s; this is for everybody else: a security team's
VEX, another scanner's result. Predicates of the types that a host reads are read before they are
signed, because a host refuses a package about which a key that it believes has signed something
unreadable. Whether any host believes this key is its policy's business.
"""

from dataclasses import dataclass

from miniseal.attestations import Signer, sign_statement
from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_TYPE
from miniseal.formats.config import CONFIG_LIMIT, Config
from miniseal.formats.errors import Code, EnvironmentalError, UsageError
from miniseal.formats.layout import PACKAGE
from miniseal.formats.members import Members
from miniseal.formats.oci import MANIFEST_LIMIT, Descriptor, Manifest
from miniseal.formats.package import Package
from miniseal.formats.predicates.fields import PREDICATE_MALFORMED
from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.sbom import Sbom
from miniseal.formats.predicates.scai import Scai
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.statement import STATEMENT_LIMIT, Statement, Subject
from miniseal.formats.strictjson import loads
from miniseal.registry import Store, attach
from miniseal.verifier.evidence import URIS

__all__ = [
    "ATTESTATION_LOST",
    "PREDICATE_TYPE_UNKNOWN",
    "SIGNATURE_TYPE",
    "TYPES",
    "Attested",
    "attest",
    "predicate_of",
    "type_of",
]

PREDICATE_TYPE_UNKNOWN = Code(
    "predicate-type-unknown",
    UsageError,
    meaning="a type of predicate is neither one of the short names nor a URI",
    cause="a misspelt name, or one that another tool has for it",
    remedy="use a name that the message lists, or the predicateType in full",
)
ATTESTATION_LOST = Code(
    "attestation-lost",
    EnvironmentalError,
    meaning="a store does not list, or not as it was written, what was just attached to a package",
    cause="a store without referrers, or somebody else writing to it at the same moment",
    remedy="attach it again; look at the store if it happens again",
)

SIGNATURE_TYPE = "https://sigstore.dev/cosign/sign/v1"
"""predicateType of a bare signature, with an empty predicate, as cosign v3 writes it."""

TYPES = {
    "cyclonedx": URIS[Sbom],
    "link": URIS[Link],
    "openvex": URIS[Document],
    "scai": URIS[Scai],
    "slsaprovenance1": URIS[Provenance],
    "test-result": URIS[TestResult],
    "vsa": URIS[Vsa],
    "vulns": URIS[Vulns],
}
"""Short names of predicateTypes, cosign's where it has one."""

_READERS = {
    URIS[kind]: kind.from_json
    for kind in (Sbom, Link, Document, Scai, Provenance, TestResult, Vsa, Vulns)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """A statement that is attached.

    Attributes:
        app_id: of the package's program.
        package: the package's manifest.
        predicate_type: of the statement.
        bundle: digest of the signed bundle.
        referrer: the manifest that carries it.
    """

    app_id: str
    package: Descriptor
    predicate_type: str
    bundle: str
    referrer: Descriptor


def type_of(name: str) -> str:
    """The predicateType that a short name, or a URI, stands for.

    Raises:
        UsageError: `predicate-type-unknown`.
    """
    if name in TYPES or ":" in name:
        return TYPES.get(name, name)
    raise PREDICATE_TYPE_UNKNOWN(
        "unknown type of predicate",
        found=repr(name)[:100],
        expected=f"{', '.join(TYPES)}, or a URI",
    )


def predicate_of(data: bytes, predicate_type: str) -> dict[str, object]:
    """The predicate in a file, read as far as its type is known, and returned as it is.

    Raises:
        FormatError: `predicate-malformed`, `time-malformed`, `json-malformed`, `too-large`.
    """
    value = loads(data, limit=STATEMENT_LIMIT, what="predicate", floats=True)
    members = Members(value, "predicate", PREDICATE_MALFORMED)
    if predicate_type in _READERS:
        _READERS[predicate_type](value)
    return members.values


def attest(
    store: Store, name: str, predicate_type: str, predicate: dict[str, object], signer: Signer
) -> Attested:
    """Sign `predicate` as a statement about a package alone, attach it, and read it back.

    Args:
        store: that has the package.
        name: the package's tag or digest.
        predicate_type: a URI.
        predicate: what is said.
        signer: who says it.

    Raises:
        FormatError: `package-malformed` where `name` is something else, `too-large`.
        EnvironmentalError: `content-missing`, `attestation-lost`.
    """
    package = store.resolve(name)
    config = Package.from_manifest(store.read(package, limit=MANIFEST_LIMIT)).config
    app_id = Config.from_bytes(store.read(config, limit=CONFIG_LIMIT)).manifest.app_id
    # layouts know what a link is about by its name
    subject = PACKAGE if predicate_type == URIS[Link] else app_id
    statement = Statement(
        subjects=(Subject.of(package.digest, subject),),
        predicate_type=predicate_type,
        predicate=predicate,
    )
    bundle = sign_statement(statement.to_bytes(), signer)
    referrer = attach(store, package, bundle, predicate_type)
    _check_attached(store, package, referrer, bundle)
    return Attested(
        app_id=app_id,
        package=package,
        predicate_type=predicate_type,
        bundle=Descriptor.of(bundle, BUNDLE_TYPE).digest,
        referrer=referrer,
    )


def _check_attached(store: Store, package: Descriptor, referrer: Descriptor, bundle: bytes) -> None:
    """Look for the bundle where a host does."""
    listed = {each.digest for each in store.referrers(package)}
    if referrer.digest not in listed:
        raise ATTESTATION_LOST("the store does not list it", found=f"{len(listed)} other referrers")
    manifest = Manifest.from_bytes(store.read(referrer, limit=MANIFEST_LIMIT))
    data = store.read(manifest.layers[0], limit=BUNDLE_LIMIT)
    if data != bundle:
        raise ATTESTATION_LOST("the store has something else in its place", found=referrer.digest)
