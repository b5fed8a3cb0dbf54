"""Evidence about the wheel and the sdist: statements signed keyless, and verified.

    evidence.py sign --built FOLDER --findings FOLDER -o FOLDER [--trust-config FILE]
    evidence.py verify --built FOLDER --bundles FOLDER --identity URI --commit HEX
        [--trusted-root FILE]

Packages of mini-programs are signed by `miniseal release`; files that are none, with the functions
beneath it. What the provenance says of repository, commit, ref and run comes from the certificate,
which Sigstore made of the job's token, and from nowhere else. Both commands expect folders that
`listing.py check` has accepted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from miniseal.attestations import KeylessIdentity, KeylessSigner, Signer, sign_statement
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates import provenance, sbom, test_result, vulns
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.test_result import TestResult
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.statement import Statement, Subject
from miniseal.verifier.policy.model import Signer as Expected
from miniseal.verifier.signatures.blob import Blob, verify_blob
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.identity import matches
from miniseal.verifier.thresholds import check_severity

__all__ = ["BUILD_TYPE", "CHECKS", "ISSUER", "KINDS", "main", "sign", "verify"]

BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
"""A workflow of GitHub Actions, as GitHub describes it."""
ISSUER = "https://token.actions.githubusercontent.com"
KINDS = {
    "provenance": provenance.PREDICATE_TYPE,
    "sbom": sbom.PREDICATE_TYPE,
    "vulns": vulns.PREDICATE_TYPE,
    "checks": test_result.PREDICATE_TYPE,
}
"""The statements of a release, by the words in the names of their files."""
CHECKS = ("rebuild", "secrets", "vulnerabilities")
FAIL_ON = "high"


def sign(built: Path, findings: Path, output: Path, signer: Signer) -> None:
    """Write a bundle for each kind of statement about all that was built.

    Raises:
        MinisealError: what signing raises.
        SystemExit: the signer has no certificate, or it is not a workflow's.
    """
    identity = signer.identity
    if not isinstance(identity, KeylessIdentity):
        raise SystemExit("a release is signed keyless")
    claims = CertificateIdentity.from_der(identity.certificate)
    predicates = {
        "provenance": _provenance(claims).to_json(),
        "sbom": _read(findings / "sbom.json"),
        "vulns": Vulns.from_json(_read(findings / "vulns.json")).to_json(),
        "checks": _checks(claims).to_json(),
    }
    files = _distributions(built)
    subjects = tuple(Subject.of(sha256(data), name) for name, data in files.items())
    stem = next(iter(files)).split("-py3-")[0]
    output.mkdir(parents=True)
    for kind, predicate in predicates.items():
        statement = Statement(subjects=subjects, predicate_type=KINDS[kind], predicate=predicate)
        bundle = sign_statement(statement.to_bytes(), signer)
        (output / f"{stem}.{kind}.sigstore.json").write_bytes(bundle)


def _distributions(built: Path) -> dict[str, bytes]:
    """The wheel and the sdist, by name, in this order."""
    found = {path.name: path.read_bytes() for path in (built / "dist").iterdir()}
    names = sorted(found, key=lambda name: not name.endswith(".whl"))
    if [Path(name).suffix for name in names] != [".whl", ".gz"]:
        raise SystemExit(f"not one wheel and one sdist: {', '.join(names)}")
    return {name: found[name] for name in names}


def _provenance(claims: CertificateIdentity) -> Provenance:
    repository, ref = _word(claims.source_repository), _word(claims.source_ref)
    builder = _word(claims.build_signer_uri)
    return Provenance(
        build_type=BUILD_TYPE,
        builder_id=builder,
        external_parameters={
            "workflow": {
                "ref": ref,
                "repository": repository,
                "path": builder.removeprefix(f"{repository}/").partition("@")[0],
            }
        },
        internal_parameters={
            "github": {
                "event_name": _word(claims.build_trigger),
                "repository_id": _word(claims.source_repository_id),
                "repository_owner_id": _word(claims.source_owner_id),
                "runner_environment": _word(claims.runner_environment),
            }
        },
        dependencies=(
            Resource(
                uri=f"git+{repository}@{ref}", digest={"gitCommit": _word(claims.source_digest)}
            ),
        ),
        invocation_id=_word(claims.run_invocation),
    )


def _checks(claims: CertificateIdentity) -> TestResult:
    """What has to be so before this job runs: the workflow, at its commit, sees to it."""
    workflow = Resource(
        uri=_word(claims.build_signer_uri), digest={"gitCommit": _word(claims.build_signer_digest)}
    )
    return TestResult(
        result="PASSED",
        configuration=(workflow,),
        url=_word(claims.run_invocation),
        passed=CHECKS,
    )


def _word(text: str | None) -> str:
    if text is None:
        raise SystemExit("the certificate is not a workflow's: it lacks a claim")
    return text


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


def verify(built: Path, bundles: Path, expected: Expected, commit: str, root: bytes) -> list[str]:
    """Verify every bundle about every file, and what the statements say.

    Returns:
        A line for each that was verified.

    Raises:
        MinisealError: what verifying raises.
        SystemExit: another signer, another commit, or not one statement of each kind.
    """
    seen: dict[str, dict[str, Any]] = {}
    lines: list[str] = []
    files = _distributions(built)
    for path in sorted(bundles.glob("*.sigstore.json")):
        data = path.read_bytes()
        for name, content in files.items():
            identity = verify_blob(data, Blob.of(content), root).identity
            if identity is None or not matches(expected, identity):
                raise SystemExit(f"{path.name} is signed by another: {identity}")
            if identity.source_digest != commit:
                raise SystemExit(f"{path.name} is of another commit: {identity.source_digest}")
            lines.append(f"{path.name} is about {name}")
        statement = Statement.from_bytes(Bundle.from_bytes(data).envelope.payload)
        seen[statement.predicate_type] = statement.predicate
    if len(lines) != len(KINDS) * len(files) or set(seen) != set(KINDS.values()):
        raise SystemExit(f"not one statement of each kind: {', '.join(lines)}")
    _check(seen, expected, commit)
    return lines


def _check(seen: dict[str, dict[str, Any]], expected: Expected, commit: str) -> None:
    made = Provenance.from_json(seen[provenance.PREDICATE_TYPE])
    sources = [each.digest.get("gitCommit") for each in made.dependencies]
    if (made.build_type, made.builder_id, sources) != (BUILD_TYPE, expected.identity, [commit]):
        raise SystemExit(f"the provenance is of another build: {made}")
    tested = TestResult.from_json(seen[test_result.PREDICATE_TYPE])
    if tested.result != "PASSED" or set(tested.passed) != set(CHECKS):
        raise SystemExit(f"the checks are others: {tested}")
    sbom.Sbom.from_json(seen[sbom.PREDICATE_TYPE])
    check_severity(Vulns.from_json(seen[vulns.PREDICATE_TYPE]), FAIL_ON)


def _public_root() -> bytes:
    from sigstore.models import ClientTrustConfig  # asks the public instance by TUF

    return ClientTrustConfig.production()._inner.trusted_root.to_json().encode()  # noqa: SLF001


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evidence.py")
    commands = parser.add_subparsers(required=True, dest="command")
    signing, verifying = commands.add_parser("sign"), commands.add_parser("verify")
    for command in (signing, verifying):
        command.add_argument("--built", type=Path, required=True)
    signing.add_argument("--findings", type=Path, required=True)
    signing.add_argument("-o", "--output", type=Path, required=True)
    signing.add_argument("--trust-config", type=Path)
    verifying.add_argument("--bundles", type=Path, required=True)
    verifying.add_argument("--identity", required=True)
    verifying.add_argument("--commit", required=True)
    verifying.add_argument("--issuer", default=ISSUER)
    verifying.add_argument("--trusted-root", type=Path)
    return parser


def main(arguments: Sequence[str]) -> None:
    """Do as the command line says.

    Raises:
        SystemExit: what is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "sign":
            config = options.trust_config.read_bytes() if options.trust_config else None
            signer = KeylessSigner.open(trust_config=config)
            sign(options.built, options.findings, options.output, signer)
            return
        root = options.trusted_root.read_bytes() if options.trusted_root else _public_root()
        expected = Expected(
            issuer=options.issuer,
            identity=options.identity,
            runner_environment="github-hosted",
            build_trigger="push",
        )
        print(*verify(options.built, options.bundles, expected, options.commit, root), sep="\n")
    except MinisealError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main(sys.argv[1:])
