"""One file per command; `main` finds them by their name and imports the one that runs."""

__all__: list[str] = []
