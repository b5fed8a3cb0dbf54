"""The command line: nothing but options, calls and exit codes."""

__all__: list[str] = []
