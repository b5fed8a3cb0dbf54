"""From a reference to the store that it names."""

from miniseal.formats.errors import Code, UsageError
from miniseal.formats.reference import Reference
from miniseal.registry.access import Access
from miniseal.registry.layout import LayoutStore
from miniseal.registry.store import Store

__all__ = ["TRANSPORT_UNSUPPORTED", "open_store"]

TRANSPORT_UNSUPPORTED = Code(
    "transport-unsupported",
    UsageError,
    meaning="a reference is well formed, but this version cannot reach what it names",
    cause="an archive in place of a registry or a layout on disk",
    remedy="use a registry, or a layout on disk: oci:DIR[:tag]",
)


def open_store(reference: str | Reference, access: Access | None = None) -> Store:
    """The store that `reference` names, whatever tag or digest it carries; nothing is opened yet.

    Args:
        reference: of a registry, or of a layout on disk.
        access: credentials, trust and bounds for a registry; none, the system's and the built-in
            ones where it is left out.

    Raises:
        UsageError: `reference-malformed`, `transport-unsupported`, `ca-file-invalid`.
        FormatError: `digest-malformed`.
        EnvironmentalError: `extra-missing`.
    """
    parsed = Reference.parse(reference) if isinstance(reference, str) else reference
    if parsed.transport == "oci":
        return LayoutStore(parsed.location)
    if parsed.transport == "registry":
        from miniseal.registry.remote import RegistryStore  # layouts do without

        host, _, repository = parsed.location.partition("/")
        return RegistryStore(host, repository, access=access)
    raise TRANSPORT_UNSUPPORTED(
        "cannot reach this kind of store", found=str(parsed)[:200], expected="oci:DIR"
    )
