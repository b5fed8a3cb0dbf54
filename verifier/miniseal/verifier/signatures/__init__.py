"""Who signed: one module per kind of signer. Import the module that you need."""

__all__: list[str] = []
