"""WebAssembly core modules, read without compiling them: sections, imports, exports, memories."""

__all__: list[str] = []
