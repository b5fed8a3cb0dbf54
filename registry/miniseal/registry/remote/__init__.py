"""Registries over HTTP (distribution-spec 1.1), none of which is believed.

What comes from a registry is content that somebody asked for by digest, or a hint. Where a registry
points to is looked at before it is gone to, and credentials go to the origin that they are for.
"""

from miniseal.registry.remote.store import RegistryStore

__all__ = ["RegistryStore"]
