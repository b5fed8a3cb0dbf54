"""rescan: published packages against a newer database. Import the module that you need."""

__all__: list[str] = []
