"""Content stores: an OCI image layout on disk, and a registry over HTTP."""

from miniseal.registry.access import Access, Credential
from miniseal.registry.attach import attach
from miniseal.registry.layout import LayoutStore
from miniseal.registry.open import open_store
from miniseal.registry.store import Store

__all__ = ["Access", "Credential", "LayoutStore", "Store", "attach", "open_store"]
