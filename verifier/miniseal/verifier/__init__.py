"""The verifier: what a host imports to admit and to load mini-programs.

    from miniseal.verifier import Verifier

    verifier = Verifier.open("policy.toml", state="state")
    verifier.install("com.acme.wallet", source, "1.2.3")   # every check, then a record
    program = verifier.load("com.acme.wallet")             # verified bytes, or an error

Names are imported when first used: a host that only loads never imports what admission needs. No
process is started and no connection opened here; content comes through a `Source`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from miniseal.verifier.core import PackageBytes, Trusting, decide
    from miniseal.verifier.examine import verify
    from miniseal.verifier.explanation import explain
    from miniseal.verifier.host.admission import Admission
    from miniseal.verifier.host.program import Program
    from miniseal.verifier.host.record import Grants, Record
    from miniseal.verifier.policy.policy import Policy
    from miniseal.verifier.source import Source
    from miniseal.verifier.verdict import Verdict
    from miniseal.verifier.verifier import Verifier

__all__ = [
    "Admission",
    "Grants",
    "PackageBytes",
    "Policy",
    "Program",
    "Record",
    "Source",
    "Trusting",
    "Verdict",
    "Verifier",
    "decide",
    "explain",
    "verify",
]

_HOMES = {
    "Admission": "host.admission",
    "Grants": "host.record",
    "PackageBytes": "core",
    "Policy": "policy.policy",
    "Program": "host.program",
    "Record": "host.record",
    "Source": "source",
    "Trusting": "core",
    "Verdict": "verdict",
    "Verifier": "verifier",
    "decide": "core",
    "explain": "explanation",
    "verify": "examine",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = __import__(f"{__name__}.{home}", fromlist=[name])
    value: object = getattr(module, name)
    globals()[name] = value
    return value
