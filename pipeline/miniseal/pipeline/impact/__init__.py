"""impact: what a digest went into. Import the module that you need."""

__all__: list[str] = []
