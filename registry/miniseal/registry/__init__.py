"""Content stores: an OCI image layout on disk is a repository."""

from miniseal.registry.attach import attach
from miniseal.registry.layout import LayoutStore
from miniseal.registry.open import open_store
from miniseal.registry.store import Store

__all__ = ["LayoutStore", "Store", "attach", "open_store"]
