"""From links to steps that enough functionaries have performed.

Links that say the same of a step are one performance of it. Who counts as one functionary is the
policy's: key ids of a layout that stand for one signer are one person, and so are signers who share
a key. A step can have been performed several times, for another release too; which performances
belong together is not asked here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from miniseal.formats.errors import Code, FormatError, MinisealError, VerificationError
from miniseal.formats.layout import LayoutStep
from miniseal.formats.predicates.link import PREDICATE_TYPE, Link
from miniseal.verifier.checks.independent import distinct
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.links.artifacts import Artifacts
from miniseal.verifier.policy.model import Signer

__all__ = ["LINK_MISSING", "LINK_THRESHOLD", "Functionaries", "Performance", "performances"]

LINK_MISSING = Code(
    "link-missing",
    VerificationError,
    meaning="no functionary has left a link for a step of the layout",
    cause="the release was made without links, a step did not run, or somebody else performed it",
    remedy="release with --links, signed by a functionary whom layout and policy name for the step",
)
LINK_THRESHOLD = Code(
    "link-threshold",
    VerificationError,
    meaning="too few distinct functionaries say the same of a step of the layout",
    cause="not everybody has performed the step yet, their results differ, or one person has "
    "signed with several keys",
    remedy="have as many functionaries perform the step as the layout's threshold says",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Functionaries:
    """Whom the layout's key ids stand for.

    Attributes:
        names: key id to the policy's name of a signer.
        keys: key id to the digest of the one key that the layout accepts from that signer; where
            there is none, every key, or certificate, of the signer will do.
        signers: of the policy, by name.
    """

    names: Mapping[str, str]
    keys: Mapping[str, str]
    signers: Mapping[str, Signer]

    def among(
        self, step: LayoutStep, links: Iterable[Evidence[Link]]
    ) -> tuple[int, tuple[Evidence[Link], ...]]:
        """How many distinct functionaries of `step` have signed one of `links`, and which."""
        signed: dict[str, dict[str, Evidence[Link]]] = {}
        for key_id in step.functionaries:
            name, key = self.names.get(key_id, ""), self.keys.get(key_id)
            for link in links:
                if name in link.signers and key in {None, link.signatory.id}:
                    signed.setdefault(name, {}).setdefault(link.signatory.id, link)
        enough = [
            by for name, by in sorted(signed.items()) if len(by) >= self.signers[name].threshold
        ]
        counted = {each.bundle: each for by in enough for each in by.values()}
        return distinct(map(frozenset, enough)), tuple(counted.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """A step, performed by enough functionaries with the same result.

    Attributes:
        artifacts: what they say.
        links: one by each of them.
    """

    artifacts: Artifacts
    links: tuple[Evidence[Link], ...]


def performances(
    step: LayoutStep, collected: Collected, who: Functionaries
) -> tuple[Performance, ...]:
    """Every performance of `step`, in an order that the order of the evidence does not change.

    Raises:
        VerificationError: `link-missing`, `link-threshold`.
        FormatError: `link-malformed`, where there is nothing but links that leave doubt.
    """
    alike: dict[object, list[Evidence[Link]]] = {}
    said: dict[object, Artifacts] = {}
    problem: MinisealError | None = None
    for link in sorted(_links(step, collected, who), key=lambda each: each.bundle):
        try:
            artifacts = Artifacts.of(link.predicate, link.subjects)
        except FormatError as error:
            problem = problem or error
        else:
            same = (frozenset(artifacts.materials.items()), frozenset(artifacts.products.items()))
            alike.setdefault(same, []).append(link)
            said[same] = artifacts
    counted = {same: who.among(step, links) for same, links in alike.items()}
    most = max((count for count, _ in counted.values()), default=0)
    if most >= step.threshold:
        return tuple(
            Performance(artifacts=said[same], links=links)
            for same, (count, links) in counted.items()
            if count >= step.threshold
        )
    if most == 0:
        raise problem or _missing(step, collected, len(alike))
    raise LINK_THRESHOLD(
        f"too few functionaries say the same of step {step.name}",
        found=str(most),
        expected=f"{step.threshold} distinct functionaries",
    )


def _links(
    step: LayoutStep, collected: Collected, who: Functionaries
) -> tuple[Evidence[Link], ...]:
    links = collected.by(Link, tuple(set(who.names.values())))
    return tuple(each for each in links if each.predicate.name == step.name)


def _missing(step: LayoutStep, collected: Collected, others: int) -> MinisealError:
    aside = [each.error.code for each in collected.aside if each.predicate_type == PREDICATE_TYPE]
    found = f"{others} by others" if others else ""
    if aside:
        found = f"{found}, {len(aside)} set aside ({aside[0]})".removeprefix(", ")
    return LINK_MISSING(
        f"no functionary of step {step.name} has left a link",
        found=found or "none",
        expected=f"by {step.threshold} of {', '.join(step.functionaries)}"[:300],
    )
