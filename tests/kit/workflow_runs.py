"""Runs of a reusable workflow, as certificates and provenance have them.

    Run().release(scene)                         # everything that a policy may want, by this run
    Run(claims={"15": "1002"}).release(scene)    # for another repository

Certificates are by a Sigstore in memory. Nothing here checks anything.
"""

from dataclasses import dataclass, field
from typing import Any

from kit.fakesigstore import ISSUER
from kit.keyless import FakeSigner
from kit.packages import CHECKS, Package, Scene, checks
from miniseal.formats.predicates import provenance
from miniseal.formats.predicates.provenance import Provenance
from miniseal.verifier.checks.provenance import WORKFLOW_BUILD

__all__ = ["CALLER", "CLAIMS", "COMMIT", "RELEASE", "WORKFLOW", "Run"]

WORKFLOW = "https://github.com/miniseal/miniseal/.github/workflows/release-mini-program.yml"
RELEASE = f"{WORKFLOW}@refs/tags/v1.0.0"
CALLER = "https://github.com/acme/tip"
COMMIT = "5" * 40
CLAIMS = {
    "9": RELEASE,
    "10": "6" * 40,
    "11": "github-hosted",
    "12": CALLER,
    "13": COMMIT,
    "14": "refs/tags/v2.0.0",
    "15": "1001",
    "17": "2002",
    "18": f"{CALLER}/.github/workflows/release.yml@refs/tags/v2.0.0",
    "20": "push",
    "21": f"{CALLER}/actions/runs/7/attempts/1",
}
"""Of a run for tag v2.0.0 of acme/tip, by the last number of Fulcio's OIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a workflow, as its certificate has it and as its provenance says.

    Attributes:
        subject: the workflow that signs.
        issuer: of its token.
        claims: that differ from `CLAIMS`; None leaves one out.
        builder: that the provenance names; the workflow that signs where it is not given.
        build_type: of the provenance.
        source: of the provenance.
    """

    subject: str = RELEASE
    issuer: str = ISSUER
    claims: dict[str, str | None] = field(default_factory=dict[str, str | None])
    builder: str | None = None
    build_type: str = WORKFLOW_BUILD
    source: dict[str, Any] = field(
        default_factory=lambda: {
            "uri": f"git+{CALLER}@refs/tags/v2.0.0",
            "digest": {"gitCommit": COMMIT},
        }
    )

    def signer(self) -> FakeSigner:
        """Signs with the run's certificate."""
        claims = {"9": self.subject, **self.claims}
        every = {name: claims.get(name, text) for name, text in {**CLAIMS, **claims}.items()}
        extensions = {name: text for name, text in every.items() if text is not None}
        named = {"issuer": self.issuer, "old_issuer": self.issuer, "subject": self.subject}
        return FakeSigner.of(extensions=extensions, **named)

    def release(self, scene: Scene, made: Package | None = None) -> Package:
        """All evidence of a release, of just any package or this one."""
        signer = self.signer()
        made = scene.release(made=made, signer=signer, without=["provenance", "checks"])
        scene.repository.say(made, checks((*CHECKS, "misconfiguration")), signer)
        said = Provenance(
            build_type=self.build_type,
            builder_id=self.builder or self.subject,
            external_parameters={"source": self.source},
        )
        scene.repository.say(made, (provenance.PREDICATE_TYPE, said.to_json()), signer)
        return made
