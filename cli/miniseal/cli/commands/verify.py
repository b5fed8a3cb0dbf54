"""`miniseal verify`: every check a host makes at admission, without a host."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from miniseal.cli import access, host
from miniseal.cli.checking import Check
from miniseal.cli.explaining import tree
from miniseal.cli.outcome import Outcome
from miniseal.cli.signing import Signing, signing_options
from miniseal.formats.errors import MinisealError
from miniseal.verifier.examine import examine, refusing
from miniseal.verifier.explanation import Explanation
from miniseal.verifier.explanation import explain as explained

if TYPE_CHECKING:
    from miniseal.pipeline.summary import Sayer

__all__ = ["command"]


@click.command("verify", cls=Check)
@click.argument("reference")
@click.option("--app", "app_id", required=True, help="The app_id that the package must be.")
@host.policy_option
@host.trust_option
@click.option(
    "--explain",
    is_flag=True,
    help="Say of each requirement what there is for it, and what is missing.",
)
@click.option("--attest", is_flag=True, help="Sign a summary of the verification, and attach it.")
@click.option(
    "--attest-refusal",
    is_flag=True,
    help="With --attest: also where the package, named by its digest, is refused.",
)
@click.option("--verifier-id", metavar="URI", help="With --attest: who verifies.")
@signing_options
@access.options
def command(
    reference: str,
    app_id: str,
    policy: Path,
    *,
    trust: Path | None,
    explain: bool,
    verifier_id: str | None,
    signing: Signing,
    attest: bool,
    attest_refusal: bool,
) -> Outcome:
    """Check the package at REFERENCE as a host would before it installs it."""
    if attest_refusal and not attest:
        raise click.UsageError("--attest-refusal is for --attest")
    source, name = host.open_source(reference)
    trusting = host.trusting(policy, trust)
    loaded, now = trusting.policy, trusting.now
    sayer = _sayer(verifier_id, signing) if attest else None
    watching = sayer.refusing(source, name, loaded, now=now) if sayer and attest_refusal else None
    explanation: Explanation | None = None
    try:
        with watching or nullcontext(), refusing():
            if explain:
                explanation = explained(app_id, source, name, trusting)
                examined = explanation.conclude()
            else:
                examined = examine(app_id, source, name, trusting)
    except MinisealError as error:
        if explanation is None:
            raise
        return _refused(explanation, error)
    result, lines = examined.verdict.to_json(), host.verdict_lines(examined.verdict)
    if explanation is not None:
        result["explanation"] = explanation.to_json()
        lines = (*tree(explanation), *lines)
    if sayer is not None:
        said = sayer.passed(source, examined, loaded)
        result["attested"] = {"predicate_type": said.predicate_type, "bundle": said.bundle}
        lines = (*lines, f"  attached  {said.predicate_type}")
    return Outcome(result=result, lines=lines)


def _refused(explanation: Explanation, error: MinisealError) -> Outcome:
    return Outcome(
        result={"explanation": explanation.to_json()},
        lines=tree(explanation),
        exit_code=error.exit_code,
        error=error,
    )


def _sayer(verifier_id: str | None, signing: Signing) -> "Sayer":
    if verifier_id is None or ":" not in verifier_id:
        raise click.UsageError("--attest needs --verifier-id, a URI")
    signer = signing.signer()
    from miniseal.pipeline.summary import Sayer  # slow

    return Sayer(signer=signer, verifier_id=verifier_id)
