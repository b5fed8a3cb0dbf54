"""OpenVEX documents: any bytes are read or refused, what is made here reads, and judging ends."""

from contextlib import suppress
from dataclasses import replace

from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.openvex import STATUSES, Document
from miniseal.formats.predicates.vulns import Finding
from miniseal.verifier.vex import Identity, Said, Vex

IDENTITY = Identity(app_id="com.acme.tip", version="1.0.0", digest="sha256:" + "ab" * 32)
FINDING = Finding(id="CVE-2026-1", severity="high", package="pkg:npm/left@1.0.0")


def fuzz_one(data: bytes) -> None:
    """Nothing but a MinisealError may come of any `data`."""
    with suppress(MinisealError):
        document = Document.from_bytes(data)
        assert {statement.status for statement in document.statements} <= set(STATUSES)
        assert Document.from_json(document.to_json()) == document
        assert Document.from_json(replace(document, read=None).to_json()) == document
        said = Said(document=document, signers=frozenset({"a"}))
        judged = Vex.of([said], IDENTITY, thresholds={"a": 1}, now=0).judge(FINDING)
        assert judged is None or judged.reason in {"not_affected", "fixed"}
