"""What the host-side commands share: the options they all take, and how a verdict reads."""

import time
from collections.abc import Iterable
from pathlib import Path

import click

from miniseal.cli import access
from miniseal.cli.access import REFERENCE_INCOMPLETE
from miniseal.formats.reference import Reference
from miniseal.pipeline.trustfile import read_trust
from miniseal.registry import Store
from miniseal.verifier import Admission, Policy, Trusting, Verdict
from miniseal.verifier.vex import Suppressed

__all__ = [
    "admission_lines",
    "open_source",
    "policy_option",
    "state_option",
    "suppressed_lines",
    "trust_option",
    "trusting",
    "verdict_lines",
]

policy_option = click.option(
    "--policy",
    envvar="MINISEAL_POLICY",
    required=True,
    type=click.Path(path_type=Path),
    help="The platform's policy.toml [env: MINISEAL_POLICY].",
)
state_option = click.option(
    "--state",
    envvar="MINISEAL_STATE",
    required=True,
    type=click.Path(path_type=Path),
    help="The host's state folder [env: MINISEAL_STATE].",
)

trust_option = click.option(
    "--trust",
    envvar="MINISEAL_TRUST",
    type=click.Path(path_type=Path),
    help="A file of trust material, kept by `miniseal refresh` [env: MINISEAL_TRUST].",
)


def trusting(policy: Path, trust: Path | None) -> Trusting:
    """What a verification goes by now.

    Raises:
        UsageError: `policy-invalid`.
        VerificationError, EnvironmentalError: what the file of trust material is refused for.
    """
    return Trusting(
        policy=Policy.load(policy),
        now=int(time.time()),
        material=read_trust(trust) if trust else None,
    )


def open_source(text: str) -> tuple[Store, str]:
    """The store of a reference, and the tag or digest in it.

    Raises:
        UsageError: `reference-malformed`, `reference-incomplete`.
    """
    reference = Reference.parse(text)
    name = reference.digest or reference.tag
    if name is None:
        raise REFERENCE_INCOMPLETE("reference has no tag and no digest", found=text)
    return access.open_store(reference), name


def verdict_lines(verdict: Verdict) -> tuple[str, ...]:
    """A verdict for people: the package, the evidence that was verified, what did not count."""
    manifest = verdict.config.manifest
    return (
        f"{manifest.app_id} {manifest.version_name} (code {manifest.version_code}): verified",
        f"  package   {verdict.package.digest}",
        f"  namespace {verdict.namespace}, good until {verdict.expires}",
        *(
            f"  evidence  {each.predicate_type}  by {', '.join(each.signers)}"
            for each in verdict.evidence
        ),
        *suppressed_lines(verdict.suppressed),
    )


def suppressed_lines(suppressed: Iterable[Suppressed]) -> tuple[str, ...]:
    """Findings that did not count, for people: nobody may miss them."""
    return tuple(dict.fromkeys(map(_suppressed_line, suppressed)))


def _suppressed_line(each: Suppressed) -> str:
    """Which, where, why, and who says so."""
    where = each.finding.package or each.finding.source or "somewhere"
    reason = each.justification or each.impact_statement
    why = f"{each.reason} ({reason})" if reason else each.reason
    who = f", by {', '.join(each.signers)}" if each.signers else ""
    return f"  suppressed {each.finding.id} ({each.finding.severity}) in {where}: {why}{who}"


def admission_lines(admission: Admission) -> tuple[str, ...]:
    """An admission for people."""
    return (
        f"{admission.app_id} {admission.version_name} (code {admission.version_code}): admitted",
        f"  package   {admission.package}",
        f"  until     {admission.expires}, generation {admission.generation}",
    )
