"""What a platform demands before it loads a program: `policy.toml` (FORMATS section 5).

Import the module that you need.
"""

__all__: list[str] = []
