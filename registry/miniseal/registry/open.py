"""From a reference to the store that it names."""

from miniseal.formats.errors import Code, UsageError
from miniseal.formats.reference import Reference
from miniseal.registry.layout import LayoutStore
from miniseal.registry.store import Store

__all__ = ["TRANSPORT_UNSUPPORTED", "open_store"]

TRANSPORT_UNSUPPORTED = Code(
    "transport-unsupported",
    UsageError,
    meaning="a reference is well formed, but this version cannot reach what it names",
    cause="a registry or an archive in place of a layout on disk",
    remedy="use a layout on disk: oci:DIR[:tag]",
)


def open_store(reference: str | Reference) -> Store:
    """The store that `reference` names, whatever tag or digest it carries; nothing is opened yet.

    Raises:
        UsageError: `reference-malformed`, `transport-unsupported`.
        FormatError: `digest-malformed`.
    """
    parsed = Reference.parse(reference) if isinstance(reference, str) else reference
    if parsed.transport != "oci":
        raise TRANSPORT_UNSUPPORTED(
            "cannot reach this kind of store", found=str(parsed)[:200], expected="oci:DIR"
        )
    return LayoutStore(parsed.location)
