"""From what the steps of a release gave, as far as they got, to what a page is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from miniseal.formats import strictjson
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.vulns import SEVERITIES, Vulns
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.flow import STEPS, Job
from miniseal.pipeline.flow.make import BUILD, PACK, RESOLVE
from miniseal.pipeline.flow.publish import ATTEST, GATE, SIGN, VERIFY
from miniseal.pipeline.flow.scan import SCAN_BILL, SCAN_PACKAGE, SCAN_SOURCE, claimed
from miniseal.pipeline.graph import Step
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.model import Report, subjects_of
from miniseal.pipeline.report.recorder import Recorder
from miniseal.pipeline.steps.attest import Claim
from miniseal.verifier import Verdict
from miniseal.verifier.vex import Identity, Said, Suppressed, Vex, weigh

__all__ = ["Asked", "gather", "graph"]

_Results = Mapping[Step[Job, Any], Any]

_OWN = "the project"
_SCANS = {"source": SCAN_SOURCE, "package": SCAN_PACKAGE, "sbom": SCAN_BILL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wanted of a release.

    Attributes:
        destination: the repository, as they named it.
        signer: who signs, for people.
        own_policy: whether they gave no platform's policy.
        engine: that was to run the toolchain; a result that is cached names the one that did.
        until: the step after which to end, or None.
        part: the name of a part of a release, where no more was wanted.
        again: the command that asks for the same again.
    """

    destination: str | None = None
    signer: str | None = None
    own_policy: bool = True
    engine: Description | None = None
    until: str | None = None
    part: str | None = None
    again: str | None = None


def graph() -> tuple[GraphNode, ...]:
    """The steps of a release."""
    return tuple(
        GraphNode(name=step.name, needs=tuple(needed.name for needed in step.needs), does=step.does)
        for step in STEPS
    )


def gather(
    recorder: Recorder,
    results: _Results,
    asked: Asked,
    *,
    held: Verdict | None = None,
    error: Mapping[str, object] | None = None,
) -> Report:
    """A report of a release that ended, well or not.

    Args:
        recorder: of its events.
        results: of the steps that gave one.
        asked: for what.
        held: what a verifier says of the same content in the store, where nothing was to be done.
        error: what ended it, as `MinisealError.to_json` gives it.
    """
    packed = results.get(PACK)
    manifest = results[RESOLVE].project.manifest if RESOLVE in results else None
    verdict = held or results.get(VERIFY)
    judged = results.get(GATE)
    vulns = judged.vulns if judged else _vulns(results)
    return Report(
        recorder=recorder,
        graph=graph(),
        app=manifest.app_id if manifest else None,
        title=manifest.name if manifest else None,
        version=manifest.version_name if manifest else None,
        destination=asked.destination,
        subjects=subjects_of(packed) if packed else (),
        statements=tuple(map(_statement, results.get(ATTEST, ()))),
        vulns=vulns,
        scans={name: results[step].scan for name, step in _SCANS.items() if step in results},
        suppressed=_suppressed(results, vulns, verdict),
        verdict=verdict,
        signer=asked.signer if SIGN in results else None,
        engine=results[BUILD].engine if BUILD in results else asked.engine,
        own_policy=asked.own_policy,
        unchanged=held is not None,
        until=asked.until,
        part=asked.part,
        error=error,
        again=asked.again,
    )


def _statement(claim: Claim) -> dict[str, object]:
    """A statement of our own, read as JSON; what is in it is looked at where it is shown."""
    value = strictjson.loads(claim.statement, limit=len(claim.statement), what="a statement")
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _vulns(results: _Results) -> Vulns | None:
    """What a gate that said no had before it, if all scans were made."""
    if not all(step in results for step in _SCANS.values()):
        return None
    return claimed({name: results[step] for name, step in _SCANS.items()})


def _suppressed(
    results: _Results, vulns: Vulns | None, verdict: Verdict | None
) -> tuple[Suppressed, ...]:
    """What does not count: by the gate or the verdict, or else by the project's own word."""
    if GATE in results:
        judged: tuple[Suppressed, ...] = results[GATE].gated.suppressed
        return judged
    if verdict is not None:
        return verdict.suppressed
    return _own_word(results, vulns)


def _own_word(results: _Results, vulns: Vulns | None) -> tuple[Suppressed, ...]:
    if vulns is None or RESOLVE not in results or PACK not in results:
        return ()
    project, packed = results[RESOLVE].project, results[PACK]
    bar = project.settings.scan
    now = max(results[step].finished for step in _SCANS.values())
    try:
        said = [Said(document=each, signers=frozenset({_OWN})) for each in project.vex()]
    except MinisealError:
        return ()  # the gate says so
    vex = Vex.of(
        said,
        Identity.of(packed.config, packed.package.descriptor.digest),
        thresholds={_OWN: 1},
        now=now,
    )
    fail_on = bar.fail_on or SEVERITIES[0]
    return weigh(vulns, vex, fail_on=fail_on, ignore_unfixed=bar.ignore_unfixed)[1]
