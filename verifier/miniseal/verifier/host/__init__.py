"""The host's state on disk (FORMATS section 6): admission writes it, `load` reads it.

Import the module that you need; `mac`, `head`, `record`, `files` and `load` keep to the standard
library, and to its light modules.
"""

__all__: list[str] = []
