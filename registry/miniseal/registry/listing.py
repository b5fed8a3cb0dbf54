"""The referrers in a layout: under fallback tags, and in `index.json` as oras lists them."""

from collections.abc import Iterable

from miniseal.formats.errors import EnvironmentalError, FormatError, VerificationError
from miniseal.formats.oci import INDEX_TYPE, MANIFEST_LIMIT, MANIFEST_TYPE, Descriptor
from miniseal.registry import referrers
from miniseal.registry.folder import LayoutFolder, is_missing
from miniseal.registry.index import Entry, LayoutIndex

__all__ = ["list_anew", "list_referrers", "refer", "remove_superseded", "unlist"]

_REREADS = 100


def list_referrers(folder: LayoutFolder, subject: str) -> tuple[Descriptor, ...]:
    """The manifests and indexes whose subject has the digest `subject`, by digest.

    Raises:
        FormatError: `layout-malformed`, `oci-malformed`, `json-malformed`: a list is damaged.
        VerificationError: `digest-mismatch`, a list is damaged.
        EnvironmentalError: `referrers-limit`; `content-missing`, a list is gone; `storage-failed`.
    """
    index, lists = _lists(folder, subject)
    # by size too: an entry with a wrong one hides no other
    candidates = {(d.digest, d.size): d for data in lists for d in referrers.candidates(data)}
    # oras lists referrers in index.json itself, as it lists every other manifest
    plain, types = folder.memory.plain, referrers.REFERRER_TYPES
    unknown = (e for e in index.entries if e.digest not in plain and e.media_type in types)
    others = (e.descriptor for e in unknown if not _is_listing(e))
    candidates |= {(d.digest, d.size): d for d in others}
    found: dict[str, Descriptor] = {}
    size = 0
    for candidate in candidates.values():
        if candidate.digest in plain:
            continue
        data = _content(folder, candidate)
        if data and b"subject" not in data and b"\\" not in data:  # nor one that is escaped
            plain.add(candidate.digest)
        # what was read counts, not what a list claims; what lacks the digest is not parsed
        size += referrers.weight(data) if subject.encode() in data else len(data)
        referrer = referrers.read(data) if subject.encode() in data else None
        if referrer and referrer[1] == subject:
            found[referrer[0].digest] = referrer[0]
        referrers.check_bounds(len(found), size)
    return tuple(found[digest] for digest in sorted(found))


def refer(
    folder: LayoutFolder, index: LayoutIndex, subject: Descriptor, referrer: Descriptor
) -> None:
    """List a referrer under its subject; the lock is held.

    Raises:
        FormatError, VerificationError, EnvironmentalError: as `list_referrers`, for the list.
    """
    name = referrers.fallback_tag(subject.digest)
    old = [d for d in index.under(name) if d.media_type == INDEX_TYPE]
    referrers.check_bounds(len(old), sum(d.size for d in old))
    changed = referrers.add([folder.read(d, limit=MANIFEST_LIMIT) for d in old], referrer)
    if changed is None:
        return
    new = Descriptor.of(changed, INDEX_TYPE)
    folder.write(new, changed)
    after = index.with_name(name, new, drop=[d.digest for d in old])
    folder.write_index(after)
    for descriptor in old:
        # superseded lists would soon outweigh the content
        if not after.by_digest(descriptor.digest):
            folder.remove(descriptor.digest)


def unlist(
    folder: LayoutFolder, index: LayoutIndex, subject: Descriptor, referrer: str
) -> LayoutIndex:
    """`index` with a list of the subject's referrers that lacks one digest; the lock is held.

    Raises:
        FormatError, VerificationError, EnvironmentalError: as `list_referrers`, for the list.
    """
    found = list_referrers(folder, subject.digest)
    return _listing(folder, index, subject.digest, [d for d in found if d.digest != referrer])


def list_anew(folder: LayoutFolder, subject: str | None = None) -> None:
    """Write the lists of all subjects, or of one, from the manifests that are there.

    Every small blob is read. The lock is held.

    Raises:
        EnvironmentalError: `referrers-limit`, `storage-failed`.
    """
    before = index = folder.index()
    found: dict[str, dict[str, Descriptor]] = {}
    for digest, size in folder.digests():
        if size > MANIFEST_LIMIT:
            continue
        data = _content(folder, Descriptor(media_type=MANIFEST_TYPE, digest=digest, size=size))
        referrer = referrers.read(data) if (subject or "subject").encode() in data else None
        if referrer and referrer[1] == (subject or referrer[1]):
            found.setdefault(referrer[1], {})[referrer[0].digest] = referrer[0]
    for name in {e.name for e in index.entries if e.name and referrers.is_fallback_tag(e.name)}:
        listed = name.replace("-", ":", 1)
        if subject in {None, listed}:
            found.setdefault(listed, {})
    for digest, entries in sorted(found.items()):
        index = _listing(folder, index, digest, entries.values())
    if index is not before:
        folder.write_index(index)
        remove_superseded(folder, before, index)


def remove_superseded(folder: LayoutFolder, before: LayoutIndex, after: LayoutIndex) -> None:
    """Remove the lists of referrers that `before` names and `after` does not; the lock is held.

    Raises:
        EnvironmentalError: `storage-failed`.
    """
    kept = {entry.digest for entry in after.entries}
    for digest in {entry.digest for entry in before.entries if _is_listing(entry)} - kept:
        folder.remove(digest)


def _listing(
    folder: LayoutFolder, index: LayoutIndex, subject: str, entries: Iterable[Descriptor]
) -> LayoutIndex:
    """`index` with a list of these referrers, which is written."""
    name = referrers.fallback_tag(subject)
    data = referrers.compose(entries)
    new = Descriptor.of(data, INDEX_TYPE)
    folder.write(new, data)
    old = [d.digest for d in index.under(name) if d.media_type == INDEX_TYPE]
    return index.with_name(name, new, drop=old)


def _is_listing(entry: Entry) -> bool:
    """Whether an entry is a list of referrers."""
    is_index = entry.media_type == INDEX_TYPE
    return is_index and entry.name is not None and referrers.is_fallback_tag(entry.name)


def _lists(
    folder: LayoutFolder, subject: str, rereads: int = _REREADS
) -> tuple[LayoutIndex, list[bytes]]:
    """`index.json`, and the lists of referrers that it names for the digest `subject`."""
    index = folder.index()
    # cosign copy puts the subject itself under this name: not a list, so no referrers in it
    named = index.under(referrers.fallback_tag(subject))
    found = {(d.digest, d.size): d for d in named if d.media_type == INDEX_TYPE}
    # any number of entries may have the name, and all lists are held in memory
    referrers.check_bounds(len(found), sum(size for _, size in found))
    try:
        return index, [folder.read(d, limit=MANIFEST_LIMIT) for d in found.values()]
    except EnvironmentalError as error:
        # a writer may have replaced the list since index.json was read
        if not is_missing(error) or not rereads or folder.index() == index:
            raise
    return _lists(folder, subject, rereads - 1)


def _content(folder: LayoutFolder, candidate: Descriptor) -> bytes:
    """A manifest's bytes, or none if it is not there or not what it is called."""
    try:
        return folder.read(candidate, limit=MANIFEST_LIMIT)
    except (FormatError, VerificationError):
        return b""
    except EnvironmentalError as error:
        if not is_missing(error):
            raise
        return b""
