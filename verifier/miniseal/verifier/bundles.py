"""The bundles attached to a package, under one budget for everything that strangers can attach.

Listed, sized and read here, smallest first; what is in them is `collect`'s business. A referrer
that is not a bundle's, or is larger than one can be, costs nothing but its line in the list.
"""

from collections.abc import Iterator
from itertools import islice

from miniseal.formats.bundle import BUNDLE_LIMIT, BUNDLE_TYPE, PREDICATE_ANNOTATION
from miniseal.formats.errors import FormatError, MinisealError, VerificationError
from miniseal.formats.oci import EMPTY_CONFIG_TYPE, Descriptor, Manifest
from miniseal.verifier.budget import EVIDENCE_LIMIT, REFERRERS, Budget
from miniseal.verifier.fetch import read_checked
from miniseal.verifier.source import Source

__all__ = ["bundles"]

_REFERRER_LIMIT = 16 * 1024  # a bundle's referrer has less than 2 KiB
_ABSENT = "content-missing"
_TYPES = {None, BUNDLE_TYPE, EMPTY_CONFIG_TYPE}
"""Some registries give no artifactType, or the config's media type in its place."""


def bundles(
    source: Source, subject: Descriptor, wanted: frozenset[str], budget: Budget
) -> Iterator[bytes]:
    """The bytes of each bundle once, the smallest first.

    Args:
        source: asked for referrers and their content.
        subject: the package manifest.
        wanted: predicateTypes; others are left out as far as annotations tell.
        budget: what may be spent.

    Raises:
        VerificationError: `evidence-limit`.
    """
    referrers = list(islice(source.referrers(subject), REFERRERS + 1))
    if len(referrers) > REFERRERS:
        raise EVIDENCE_LIMIT("too many referrers", expected=f"at most {REFERRERS}")
    # By digest and size: a stranger's referrer may name another's bundle with a false size.
    found: dict[tuple[int, str], Descriptor] = {}
    for referrer in referrers:
        if _may_be_wanted(referrer, wanted):
            layer = _layer(source, referrer, subject, budget)
            if layer is not None and layer.size <= BUNDLE_LIMIT:
                found.setdefault((layer.size, layer.digest), layer)
    for _, layer in sorted(found.items(), key=lambda each: each[0]):
        budget.read(layer.size)
        data = _read(source, layer, BUNDLE_LIMIT)
        if data is not None:
            yield data


def _may_be_wanted(referrer: Descriptor, wanted: frozenset[str]) -> bool:
    """Whether the list itself says that this is something else; some registries say nothing."""
    predicate_type = referrer.annotations.get(PREDICATE_ANNOTATION)
    return (
        referrer.artifact_type in _TYPES
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
