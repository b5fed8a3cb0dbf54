"""in-toto statements: any bytes are read or refused, their predicates too."""

from contextlib import suppress

from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates import link, openvex, provenance, sbom, scai, test_result, vulns
from miniseal.formats.statement import Statement

READERS = (
    link.Link.from_json,
    openvex.Document.from_json,
    provenance.Provenance.from_json,
    sbom.Sbom.from_json,
    scai.Scai.from_json,
    test_result.TestResult.from_json,
    vulns.Vulns.from_json,
)


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`, whatever predicate it is taken for."""
    try:
        statement = Statement.from_bytes(data)
    except MinisealError:
        return
    for read in READERS:
        with suppress(MinisealError):
            read(statement.predicate)
