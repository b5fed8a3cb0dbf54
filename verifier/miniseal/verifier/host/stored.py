"""A host's own state as a source: the package and the evidence that an admission has kept.

`readmit` goes the way of `install` with this in the store's place, so that the same checks look at
the same bytes. Bundles are offered under referrers that are made here, in memory.
"""

from dataclasses import replace

from miniseal.formats.bundle import BUNDLE_TYPE
from miniseal.formats.members import Members
from miniseal.formats.oci import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Manifest,
)
from miniseal.verifier.host.head import HEAD_MALFORMED
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.record import Blob, Record

__all__ = ["StoredSource", "others_evidence"]


def others_evidence(record: Record) -> tuple[dict[str, object], ...]:
    """What others have said of the program: all but the host's own summary of its admission.

    Nobody whom the policy names has signed that one.
    """
    return tuple(each for each in record.evidence if each.get("signers"))


class StoredSource:
    """A `Source` of one program's record."""

    def __init__(self, reader: StateReader, record: Record) -> None:
        """Make the referrers; no content is read."""
        self._reader = reader
        self._package = Descriptor(
            media_type=MANIFEST_TYPE, digest=record.package.digest, size=record.package.size
        )
        self._referrers = {
            referrer.digest: (referrer, data)
            for referrer, data in map(self._referrer, others_evidence(record))
        }

    def resolve(self, name: str) -> Descriptor:
        """The package, whatever it is asked for by: the caller checks the digest."""
        del name
        return self._package

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        """A referrer made here, or content of the state; sizes are the state's own.

        Raises:
            VerificationError, EnvironmentalError: as `StateReader.blob`.
        """
        if descriptor.digest in self._referrers:
            return self._referrers[descriptor.digest][1]
        blob = Blob(digest=descriptor.digest, size=min(descriptor.size, limit))
        return self._reader.blob(blob, f"the stored {descriptor.media_type}")

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        """One for each bundle that the record names."""
        del subject
        return tuple(referrer for referrer, _ in self._referrers.values())

    def _referrer(self, evidence: dict[str, object]) -> tuple[Descriptor, bytes]:
        members = Members(evidence, "record.evidence", HEAD_MALFORMED)
        bundle = Descriptor(
            media_type=BUNDLE_TYPE, digest=members.digest("bundle"), size=members.integer("size")
        )
        data = Manifest(
            artifact_type=BUNDLE_TYPE,
            config=Descriptor.of(EMPTY_CONFIG, EMPTY_CONFIG_TYPE),
            layers=(bundle,),
            subject=self._package,
        ).to_bytes()
        made = Descriptor.of(data, MANIFEST_TYPE)
        return replace(made, artifact_type=BUNDLE_TYPE), data
