"""How what was signed and attached reads."""

from typing import TYPE_CHECKING

from miniseal.cli.outcome import Outcome

if TYPE_CHECKING:
    from miniseal.attestations import Signer
    from miniseal.pipeline.attest import Attested

__all__ = ["outcome"]


def outcome(done: "Attested", signer: "Signer", what: str) -> Outcome:
    """The outcome of a command that attached one statement; `what` it did, in words."""
    return Outcome(
        result={
            "app_id": done.app_id,
            "package": done.package.digest,
            "predicate_type": done.predicate_type,
            "bundle": done.bundle,
            "referrer": done.referrer.digest,
            **signer.identity.to_json(),
        },
        lines=(
            f"{done.app_id}: {what}",
            f"  package  {done.package.digest}",
            f"  bundle   {done.bundle}",
            f"  by       {signer.identity}",
        ),
    )
