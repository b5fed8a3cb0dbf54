"""`miniseal refresh`: bring the trust material for keyless signatures up to date."""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from miniseal.cli import host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats.errors import Code, MinisealError, UsageError
from miniseal.formats.times import to_text
from miniseal.pipeline.trustfile import TRUST_UNREADABLE, TrustFile, read_trust
from miniseal.verifier import Policy, Verifier
from miniseal.verifier.signatures.material import Material

if TYPE_CHECKING:
    from miniseal.pipeline.refresh import Keeper
    from miniseal.verifier.signatures.trust import TrustedRoot

__all__ = ["TRUST_NOWHERE", "command"]

TRUST_NOWHERE = Code(
    "trust-nowhere",
    UsageError,
    meaning="it is not said where trust material is to be kept, or it is said twice",
    cause="neither --state nor --trust was given, or both",
    remedy="give --state for a host, or --trust for a file",
)


@click.command("refresh", cls=Verb, extra="keyless")
@host.policy_option
@click.option(
    "--state",
    envvar="MINISEAL_STATE",
    type=click.Path(path_type=Path),
    help="The host's state folder, which is to keep it [env: MINISEAL_STATE].",
)
@host.trust_option
@click.option(
    "--from",
    "carried",
    type=click.Path(path_type=Path),
    help="Take it from this file, which was refreshed elsewhere, and open no connection.",
)
def command(policy: Path, state: Path | None, trust: Path | None, carried: Path | None) -> Outcome:
    """Update the Sigstore trusted root by TUF, from the root that the policy pins.

    What comes has to verify and must not be older than what is known; else all stays as it was.
    Installed programs keep their admissions; `miniseal readmit` checks them by the new root.
    """
    keeper = _keeper(policy, state, trust)
    before = _content(keeper)
    root = _fetched(policy, keeper) if carried is None else keeper.accept_trust(_read(carried))
    changed = before != root.data
    ends = None if root.ends is None else to_text(root.ends)
    return Outcome(
        result={"changed": changed, "trusted_root": root.digest, "ends": ends},
        lines=(
            f"trusted root {root.digest}: {'changed' if changed else 'as before'}",
            f"  until     {ends}",
        ),
    )


def _keeper(policy: Path, state: Path | None, trust: Path | None) -> "Keeper":
    if state is not None and trust is None:
        return Verifier.open(policy, state=state)
    if trust is not None and state is None:
        return TrustFile(trust, Policy.load(policy), time.time)
    raise TRUST_NOWHERE(
        "trust material is kept in one place",
        found="neither" if state is None else "both",
        expected="--state or --trust",
    )


def _content(keeper: "Keeper") -> bytes | None:
    """The trusted root that is known, as far as it can be read."""
    with suppress(MinisealError):
        data = keeper.trust_material()
        return None if data is None else Material.from_bytes(data).target
    return None


def _fetched(policy: Path, keeper: "Keeper") -> "TrustedRoot":
    from miniseal.pipeline.refresh import refresh  # needs the extra `keyless`

    return refresh(Policy.load(policy), keeper, clock=time.time)


def _read(carried: Path) -> bytes:
    data = read_trust(carried)
    if data is None:
        raise TRUST_UNREADABLE("there is no such file of trust material", found=str(carried))
    return data
