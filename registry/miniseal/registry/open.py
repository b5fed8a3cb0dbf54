"""From a reference to the store that it names."""

from miniseal.formats.reference import Reference
from miniseal.registry.access import Access
from miniseal.registry.layout import LayoutStore
from miniseal.registry.store import Store

__all__ = ["open_store"]


def open_store(reference: str | Reference, access: Access | None = None) -> Store:
    """The store that `reference` names, whatever tag or digest it carries; nothing is opened yet.

    Args:
        reference: of a registry, of a layout on disk, or of one in a tar.
        access: credentials, trust and bounds for a registry; none, the system's and the built-in
            ones where it is left out.

    Raises:
        UsageError: `reference-malformed`, `ca-file-invalid`.
        FormatError: `digest-malformed`.
        EnvironmentalError: `extra-missing`.
    """
    parsed = Reference.parse(reference) if isinstance(reference, str) else reference
    if parsed.transport == "oci":
        return LayoutStore(parsed.location)
    if parsed.transport == "oci-archive":
        from miniseal.registry.archive import ArchiveStore  # layouts do without

        return ArchiveStore(parsed.location)
    from miniseal.registry.remote import RegistryStore  # as above

    host, _, repository = parsed.location.partition("/")
    return RegistryStore(host, repository, access=access)
