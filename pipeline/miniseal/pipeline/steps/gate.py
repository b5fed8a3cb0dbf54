"""gate: are the facts good enough to be signed? Thresholds are the verifier's own functions.

The project's bar is `[scan] fail_on`; a platform's policy can only be stricter. A gate that says no
ends the release before anything is signed or pushed.
"""

from dataclasses import dataclass

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.vulns import Vulns
from miniseal.pipeline.trivy.run import Secret
from miniseal.verifier.thresholds import check_severity

__all__ = ["SECRET_FOUND", "Checks", "gate"]

SECRET_FOUND = Code(
    "secret-found",
    VerificationError,
    meaning="the scan found what looks like a secret in the source or in the package",
    cause="a token or a private key was left in a file or compiled into the wasm",
    remedy="revoke the secret, then remove it from the source",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The names of checks by how they went."""

    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def gate(scan: Vulns, secrets: tuple[Secret, ...], *, fail_on: str, rebuilt: bool) -> Checks:
    """The pipeline's checks, all of them passed or warned about.

    Args:
        scan: of source, package and bill together.
        secrets: likewise.
        fail_on: the lowest severity that fails.
        rebuilt: whether a second build gave the same bytes; False where nothing is built here.

    Raises:
        VerificationError: `secret-found`, `vulnerability-threshold`.
    """
    if secrets:
        first = secrets[0]
        raise SECRET_FOUND(
            f"{len(secrets)} possible secrets",
            found=f"{first.rule} in {first.target} line {first.line}",
            expected="none",
        )
    check_severity(scan, fail_on)
    if rebuilt:
        return Checks(passed=("coverage", "rebuild", "secrets"))
    return Checks(passed=("coverage", "secrets"), warned=("rebuild",))
