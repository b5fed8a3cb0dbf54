"""The release pipeline: steps, engines, the scanner, and what it tells while it works.

Import the module that you need (`from miniseal.pipeline.release import release`): this file imports
nothing, so that a command pays only for what it uses.
"""

__all__: list[str] = []
