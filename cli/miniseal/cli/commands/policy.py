"""`miniseal policy`: what a policy demands, and how it gets to hosts as one signed file."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from miniseal.cli.files import FILE_UNUSABLE, read_file, write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.cli.signing import key_option, open_key
from miniseal.formats import times
from miniseal.formats.bundle import BUNDLE_LIMIT
from miniseal.verifier import Policy
from miniseal.verifier.policy.advice import warnings
from miniseal.verifier.policy.explain import Section, explain
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey

if TYPE_CHECKING:
    from miniseal.pipeline.selfpolicy import WorkflowSigner

__all__ = ["command"]


@click.group("policy")
def command() -> None:
    """A platform's policy."""


@command.command("check", cls=Verb)
@click.argument("path", type=click.Path(path_type=Path))
def check(path: Path) -> Outcome:
    """Say what the policy at PATH demands and leaves open, read as a host would."""
    policy, now = Policy.load(path), int(time.time())
    expired = now >= policy.end
    doubts, sections = warnings(policy, now=now), explain(policy)
    result = {
        "serial": policy.serial,
        "digest": policy.digest,
        "expires": policy.expires,
        "expired": expired,
        "signers": sorted(policy.signers),
        "namespaces": sorted(namespace.apps for namespace in policy.namespaces),
        "demands": {section.title: list(section.lines) for section in sections},
        "warnings": list(doubts),
    }
    lines = (
        f"policy   {path}, serial {policy.serial}, {policy.digest}",
        f"expires  {policy.expires}{' (it has)' if expired else ''}",
        f"signers  {', '.join(sorted(policy.signers))}",
        *(f"apps     {namespace.apps}" for namespace in policy.namespaces),
        *(line for section in sections for line in _shown(section)),
        *(f"warning  {doubt}" for doubt in doubts),
    )
    return Outcome(result=result, lines=lines)


def _shown(section: Section) -> tuple[str, ...]:
    return (f"{section.title}:", *(f"  - {line}" for line in section.lines))


@command.command("init", cls=Verb, extra="pipeline")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="The publisher's .pub.")
@click.option(
    "--workflow",
    metavar="URI@REF",
    help="In place of a key: the workflow that builds and signs, on GitHub's own runners.",
)
@click.option("--source-repository-id", help="With --workflow: the calling repository's number.")
@click.option("--source-owner-id", help="With --workflow: the number of its owner.")
@click.option(
    "--source-ref",
    default="refs/tags/*",
    show_default=True,
    help="With --workflow: what may be released.",
)
@click.option(
    "--issuer",
    default="https://token.actions.githubusercontent.com",
    show_default=True,
    help="With --workflow: of its tokens.",
)
@click.option(
    "--trusted-root",
    type=click.Path(path_type=Path),
    help="With --workflow: the trusted root of the Sigstore that it signs with.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The policy's file."
)
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Until the policy expires.",
)
def init(
    project: Path,
    key: Path | None,
    trusted_root: Path | None,
    output: Path,
    days: int,
    **workflow: str | None,
) -> Outcome:
    """Start a policy that admits PROJECT when KEY, or a workflow, signed it.

    The key, or the trusted root, is copied beside it.
    """
    from miniseal.packager import Project  # needs the extra `pipeline`
    from miniseal.pipeline.selfpolicy import ROOT, policy_text

    if output.exists():
        raise FILE_UNUSABLE(f"{output} exists already")
    expires = times.to_text(int(time.time()) + days * 86400)
    signer = _workflow(workflow, key, trusted_root)
    name, source = (ROOT, trusted_root) if signer else ("publisher.pub", key)
    text = policy_text(Project.load(project), signer=signer or name, expires=expires).encode()
    data = read_file(source) if source else b""
    # before anything is written: a private key given by mistake must not be copied
    Policy.from_toml(text, lambda _: data)
    copy = output.parent / name
    if copy.exists() and read_file(copy) != data:
        raise FILE_UNUSABLE(f"{copy} exists already, with other content")
    write_file(copy, data)
    write_file(output, text)
    return Outcome(
        result={"policy": str(output), "expires": expires},
        lines=(f"wrote {output}: read it, and demand what your platform needs",),
    )


def _workflow(
    given: Mapping[str, str | None], key: Path | None, trusted_root: Path | None
) -> "WorkflowSigner | None":
    """The workflow that the options name, or None where they name a key."""
    from miniseal.pipeline.selfpolicy import WorkflowSigner  # as in `init`

    workflow, repository = given["workflow"], given["source_repository_id"]
    owner, issuer, ref = given["source_owner_id"], given["issuer"], given["source_ref"]
    if (key is None) == (workflow is None):
        raise click.UsageError("give --key or --workflow")
    if workflow is None:
        return None
    if not (repository and owner and trusted_root and issuer and ref):
        raise click.UsageError(
            "--workflow needs --source-repository-id, --source-owner-id and --trusted-root"
        )
    return WorkflowSigner(
        issuer=issuer, workflow=workflow, repository_id=repository, owner_id=owner, ref=ref
    )


@command.command("sign", cls=Verb)
@click.argument("path", type=click.Path(path_type=Path))
@key_option
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The signed policy."
)
def sign(path: Path, key: str | None, output: Path) -> Outcome:
    """Sign the policy at PATH and every file that it names, as one file."""
    from miniseal.attestations import sign_statement  # slow
    from miniseal.verifier.policy.signed import statement_of

    if key is None:
        raise click.UsageError("give --key")
    policy = Policy.load(path)
    signer = open_key(key)
    write_file(output, sign_statement(statement_of(policy), signer))
    return Outcome(
        result={
            "signed": str(output),
            "serial": policy.serial,
            "digest": policy.digest,
            "files": [name for name, _ in policy.files],
            "key": signer.hint,
        },
        lines=(
            f"signed   {output}",
            f"  policy serial {policy.serial}, {policy.digest}",
            *(f"  file   {name}" for name, _ in policy.files),
        ),
    )


@command.command("accept", cls=Verb)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "keys",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="The public key of who signs policies; several where one may have signed.",
)
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder of its own; hosts then use DIR/current/policy.toml.",
    metavar="DIR",
)
def accept_command(path: Path, keys: tuple[Path, ...], folder: Path) -> Outcome:
    """Put the signed policy at PATH into a folder, unless what is there is newer."""
    from miniseal.verifier.policy.accept import accept  # hosts that get policies otherwise
    from miniseal.verifier.policy.signed import read_signed

    trusted = [
        PublicKey.from_pem(read_file(each), what=str(each), code=POLICY_INVALID) for each in keys
    ]
    policy = read_signed(read_file(path, limit=BUNDLE_LIMIT), trusted)
    done = accept(policy, folder, now=int(time.time()))
    did = "accepted" if done.changed else "has already"
    return Outcome(
        result={
            "policy": str(done.path),
            "serial": policy.serial,
            "digest": policy.digest,
            "replaced": done.replaced,
            "changed": done.changed,
        },
        lines=(f"{did} {done.path}", f"  policy serial {policy.serial}, {policy.digest}"),
    )


@command.command("schema", cls=Verb)
def schema() -> Outcome:
    """Print the JSON Schema of policy.toml."""
    import json  # only this command

    document = Policy.json_schema()
    return Outcome(result=document, lines=(json.dumps(document, indent=2),))
