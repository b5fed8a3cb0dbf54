"""The tool cache: what a lock names, fetched by hash, and looked at before it runs."""

__all__: list[str] = []
