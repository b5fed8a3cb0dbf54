"""in-toto predicates, one file each: what a statement says, both directions.

Reading takes the parsed object of a statement whose signature somebody else has checked; it ignores
members it does not know, as the specifications demand. Import the module that you need.
"""

__all__: list[str] = []
