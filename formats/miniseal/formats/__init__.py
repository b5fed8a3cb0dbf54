"""Every byte format that Miniseal reads or writes, both directions in one file each, pure.

Import the module that you need (`from miniseal.formats.oci import Manifest`): this file imports
nothing, so that a host's load path pays only for what it uses.
"""

__all__: list[str] = []
