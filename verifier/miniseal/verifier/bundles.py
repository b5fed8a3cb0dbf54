"""The bundles attached to a package, under one budget for everything that strangers can attach.

Listed, sized and read here, smallest first; what is in them is `collect`'s business. A referrer
that is not a bundle's, or is larger than one can be, costs nothing but its line in the list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_TYPE, PREDICATE_ANNOTATION
from miniseal.formats.errors import Code, FormatError, MinisealError, VerificationError
from miniseal.formats.oci import Descriptor, Manifest
from miniseal.verifier.fetch import read_checked
from miniseal.verifier.source import Source

__all__ = ["BYTES", "EVIDENCE_LIMIT", "REFERRERS", "VERIFICATIONS", "Budget", "bundles"]

VERIFICATIONS = 64
"""The most signatures checked for one admission."""
BYTES = 32 * 1024 * 1024
"""The most bytes of referrers and bundles read for one admission."""
REFERRERS = 10_000
"""The most referrers listed for one admission."""

EVIDENCE_LIMIT = Code(
    "evidence-limit",
    VerificationError,
    meaning="there is more evidence on a package than one admission looks at",
    cause="somebody who may write to the repository attached bundles in great number or size",
    remedy="remove what does not belong there, and look at who may write to the repository",
)

_REFERRER_LIMIT = 16 * 1024  # a bundle's referrer has less than 2 KiB
_ABSENT = "content-missing"


@dataclass(slots=True)
class Budget:
    """What is left to spend on one admission.

    What was not looked at may be the newest bad scan, so whoever spends the last of it refuses.
    """

    verifications: int = VERIFICATIONS
    bytes: int = BYTES

    def read(self, size: int) -> None:
        """Spend `size` bytes.

        Raises:
            VerificationError: `evidence-limit`.
        """
        self.bytes -= size
        if self.bytes < 0:
            raise EVIDENCE_LIMIT("the bundles are too large in all", expected=f"{BYTES} bytes")

    def verify(self) -> None:
        """Spend one verification.

        Raises:
            VerificationError: `evidence-limit`.
        """
        self.verifications -= 1
        if self.verifications < 0:
            raise EVIDENCE_LIMIT(
                "too many bundles claim an authorised signer", expected=f"at most {VERIFICATIONS}"
            )


def bundles(
    source: Source, subject: Descriptor, wanted: frozenset[str], budget: Budget
) -> Iterator[tuple[Descriptor, bytes]]:
    """Each bundle once, with its bytes; only predicateTypes `wanted`, as far as annotations tell.

    Raises:
        VerificationError: `evidence-limit`.
    """
    referrers = list(islice(source.referrers(subject), REFERRERS + 1))
    if len(referrers) > REFERRERS:
        raise EVIDENCE_LIMIT("too many referrers", expected=f"at most {REFERRERS}")
    found: dict[str, Descriptor] = {}
    for referrer in referrers:
        if _may_be_wanted(referrer, wanted):
            layer = _layer(source, referrer, subject, budget)
            if layer is not None and layer.size <= BUNDLE_LIMIT:
                found.setdefault(layer.digest, layer)
    for layer in sorted(found.values(), key=lambda each: (each.size, each.digest)):
        budget.read(layer.size)
        data = _read(source, layer, BUNDLE_LIMIT)
        if data is not None:
            yield layer, data


def _may_be_wanted(referrer: Descriptor, wanted: frozenset[str]) -> bool:
    """Whether the list itself says that this is something else; some registries say nothing."""
    predicate_type = referrer.annotations.get(PREDICATE_ANNOTATION)
    return (
        referrer.artifact_type in {None, BUNDLE_TYPE}
        and referrer.size <= _REFERRER_LIMIT
        and (predicate_type is None or predicate_type in wanted)
    )


def _layer(
    source: Source, referrer: Descriptor, subject: Descriptor, budget: Budget
) -> Descriptor | None:
    """The one layer of a bundle's referrer, or None where it is another kind of manifest."""
    budget.read(referrer.size)
    data = _read(source, referrer, _REFERRER_LIMIT)
    if data is None:
        return None
    try:
        manifest = Manifest.from_bytes(data)
    except FormatError:
        return None
    about = manifest.subject is not None and manifest.subject.digest == subject.digest
    if not about or len(manifest.layers) != 1 or manifest.layers[0].media_type != BUNDLE_TYPE:
        return None
    return manifest.layers[0]


def _read(source: Source, descriptor: Descriptor, limit: int) -> bytes | None:
    """The content, or None where the source does not have it or has something else."""
    try:
        return read_checked(source, descriptor, limit, "a bundle")
    except (FormatError, VerificationError):
        return None
    except MinisealError as error:
        if error.code == _ABSENT:
            return None
        raise
