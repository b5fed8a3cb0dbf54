"""What a report is made from: the events and the graph, and whatever else is known by then.

A release that fails early knows little, and its report has to be as clear as any other; so nothing
but events and graph has to be there. Everything is given: no clock is asked, no file is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from miniseal.formats.predicates.vulns import Vulns
from miniseal.packager import Packed
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.report.layout import GraphNode
from miniseal.pipeline.report.recorder import Recorder
from miniseal.pipeline.trivy.scan import Scan
from miniseal.verifier import Verdict
from miniseal.verifier.vex import Suppressed

__all__ = ["Report", "Subject", "subjects_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that statements are about.

    Attributes:
        name: what it is, in a word.
        digest: `sha256:` + 64 hex.
        tag: that names it in the store, or None.
        purpose: who takes it, in a few words.
    """

    name: str
    digest: str
    tag: str | None = None
    purpose: str = ""


def subjects_of(packed: Packed) -> tuple[Subject, ...]:
    """The four subjects of a release, in the order of its statements."""
    return (
        Subject(
            name="package",
            digest=packed.package.descriptor.digest,
            tag=packed.package.tag,
            purpose="what hosts verify and load",
        ),
        Subject(
            name="wasm artifact",
            digest=packed.wasm.descriptor.digest,
            tag=packed.wasm.tag,
            purpose="for wasm tools",
        ),
        Subject(
            name="image",
            digest=packed.image.descriptor.digest,
            tag=packed.image.tag,
            purpose="for container runtimes",
        ),
        Subject(
            name="app.wasm", digest=packed.config.wasm.digest, purpose="the same bytes in all three"
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One release, as a page shows it.

    Attributes:
        recorder: what happened.
        graph: every step that there is, in order.
        app: the app_id; known from the events where it is not given.
        title: the program's name for people, or None.
        version: its version.name, as `app`.
        destination: the repository, as the command line names it.
        subjects: what was packed.
        statements: in-toto statements, read from JSON, in the order in which they were made.
        vulns: what the scans found; from the statements where it is not given.
        scans: by place, for what the predicate has no room for.
        suppressed: findings that do not count, and why.
        verdict: of the host's verifier over what the store serves.
        signer: who signed, for people.
        engine: what ran the toolchain.
        own_policy: whether the verdict is by the project's own policy, for want of a platform's.
        unchanged: whether all of it was published before, and nothing was signed.
        until: the step after which it was asked to end, or None.
        part: the name of the part that was asked for, where it was no more than a part.
        error: what ended the release, as `MinisealError.to_json` gives it; from the events where
            it is not given.
        again: the command that runs the release again.
    """

    recorder: Recorder
    graph: Sequence[GraphNode]
    app: str | None = None
    title: str | None = None
    version: str | None = None
    destination: str | None = None
    subjects: Sequence[Subject] = ()
    statements: Sequence[Mapping[str, object]] = ()
    vulns: Vulns | None = None
    scans: Mapping[str, Scan] = field(default_factory=dict[str, Scan])
    suppressed: Sequence[Suppressed] = ()
    verdict: Verdict | None = None
    signer: str | None = None
    engine: Description | None = None
    own_policy: bool = False
    unchanged: bool = False
    until: str | None = None
    part: str | None = None
    error: Mapping[str, object] | None = None
    again: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the release ended before its end."""
        return self.error is not None or self.recorder.failed is not None

    @property
    def finished(self) -> bool:
        """Whether it got to its end: its last step, or that nothing was to be done."""
        if self.failed:
            return False
        last = self.until or (self.graph[-1].name if self.graph else None)
        done = self.unchanged or self.part is not None
        return done or last is None or last in self.recorder.runs
