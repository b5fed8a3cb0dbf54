"""The workflow that signs, as provenance has it: who built is what the certificate says.

Fulcio has read every fact here from the token of the job that signs, which the platform gave. So
nothing that the workflow's caller can set is asked: no variable, no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from miniseal.attestations import KeyIdentity, KeylessIdentity
from miniseal.formats.errors import Code, UsageError, VerificationError
from miniseal.formats.predicates.resource import Resource
from miniseal.verifier.checks.provenance import WORKFLOW_BUILD as BUILD_TYPE
from miniseal.verifier.signatures.certificate import CertificateIdentity

__all__ = ["BUILD_TYPE", "WORKFLOW_SOURCE", "WORKFLOW_UNKNOWN", "Workflow"]

WORKFLOW_UNKNOWN = Code(
    "workflow-unknown",
    UsageError,
    meaning="the inputs of a workflow are given, and the signer's certificate names no workflow",
    cause="a key, a person's identity, or a CI system whose certificates say too little",
    remedy="leave --workflow-inputs away, or sign with --keyless in a job of GitHub Actions",
)
WORKFLOW_SOURCE = Code(
    "workflow-source",
    VerificationError,
    meaning="what is released is not what the workflow that signs ran for",
    cause="another commit was checked out, or files differ from the commit",
    remedy="check out the commit that started the workflow, and write nothing into its folder",
)

_CLAIMS = (
    "build_signer_digest",
    "build_trigger",
    "runner_environment",
    "source_owner_id",
    "source_repository_id",
)
_NEEDED = (
    "build_config_uri",
    "build_signer_uri",
    "run_invocation",
    "source_digest",
    "source_ref",
    "source_repository",
    *_CLAIMS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A run of a workflow.

    Attributes:
        builder: the URI of the workflow that builds and signs, with its ref.
        invocation: the URI of the run.
        config: the workflow that called it, as URI with its ref.
        repository: that it ran for, as URI.
        ref: that it ran for.
        commit: that it ran for, git's SHA-1 or SHA-256 in hex.
        claims: what else the certificate says.
        inputs: that the caller gave.
    """

    builder: str
    invocation: str
    config: str
    repository: str
    ref: str
    commit: str
    claims: Mapping[str, str]
    inputs: Mapping[str, object]

    @classmethod
    def of(
        cls, identity: KeyIdentity | KeylessIdentity, inputs: Mapping[str, object]
    ) -> "Workflow":
        """The workflow that the certificate of a signer names.

        Raises:
            UsageError: `workflow-unknown`.
        """
        if not isinstance(identity, KeylessIdentity):
            raise WORKFLOW_UNKNOWN("the signer has no certificate", found=str(identity))
        said = CertificateIdentity.from_der(identity.certificate).to_json()
        absent = [name for name in _NEEDED if name not in said]
        if absent:
            raise WORKFLOW_UNKNOWN(
                "the certificate names no workflow", found=f"without {', '.join(absent)}"
            )
        return cls(
            builder=said["build_signer_uri"],
            invocation=said["run_invocation"],
            config=said["build_config_uri"],
            repository=said["source_repository"],
            ref=said["source_ref"],
            commit=said["source_digest"],
            claims={name: said[name] for name in _CLAIMS},
            inputs=inputs,
        )

    def source(self, tree: str, commit: str | None) -> Resource:
        """The source, as the certificate names it.

        Args:
            tree: digest of the source tree.
            commit: that the tree is of, as git says, or None.

        Raises:
            VerificationError: `workflow-source`.
        """
        if commit != self.commit:
            raise WORKFLOW_SOURCE(
                "the source is not the workflow's",
                found=commit or "no commit",
                expected=self.commit,
            )
        if "@" in self.ref:  # after it nobody knows where the repository's name ends
            raise WORKFLOW_SOURCE(
                "provenance cannot name the ref that the workflow ran for",
                found=self.ref[:200],
                expected="a branch or tag without @",
            )
        return Resource(
            name="source",
            uri=f"git+{self.repository}@{self.ref}",
            digest={"sha256": tree.removeprefix("sha256:"), "gitCommit": self.commit},
        )

    @property
    def external(self) -> dict[str, object]:
        """What the caller of the workflow chose beside the source."""
        path = self.config.removeprefix(f"{self.repository}/").rpartition("@")[0]
        return {
            "ref": self.ref,
            "repository": self.repository,
            "path": path,
            "inputs": dict(self.inputs),
        }

    @property
    def internal(self) -> dict[str, object]:
        """What the platform says of the run."""
        return dict(self.claims)
