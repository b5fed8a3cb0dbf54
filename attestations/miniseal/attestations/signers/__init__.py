"""Who signs: one protocol, one file for each kind of key.

Import from `miniseal.attestations`; this file imports nothing.
"""

__all__: list[str] = []
