"""`miniseal policy`: is a policy file sound, and what does its JSON look like to an editor."""

import time
from pathlib import Path

import click

from miniseal.cli.files import FILE_UNUSABLE, read_file, write_file
from miniseal.cli.outcome import Outcome, Verb
from miniseal.formats import times
from miniseal.verifier import Policy
from miniseal.verifier.policy.advice import warnings
from miniseal.verifier.policy.explain import Section, explain

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
@click.option("--key", required=True, type=click.Path(path_type=Path), help="The publisher's .pub.")
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
def init(project: Path, key: Path, output: Path, days: int) -> Outcome:
    """Start a policy that admits PROJECT when KEY signed it; the key is copied beside it."""
    from miniseal.packager import Project  # needs the extra `pipeline`
    from miniseal.pipeline.selfpolicy import policy_text

    if output.exists():
        raise FILE_UNUSABLE(f"{output} exists already")
    expires = times.to_text(int(time.time()) + days * 86400)
    text = policy_text(Project.load(project), key="publisher.pub", expires=expires).encode()
    public = read_file(key)
    # before anything is written: a private key given by mistake must not be copied
    Policy.from_toml(text, lambda _: public)
    copy = output.parent / "publisher.pub"
    if copy.exists() and read_file(copy) != public:
        raise FILE_UNUSABLE(f"{copy} exists already, with another key")
    write_file(copy, public)
    write_file(output, text)
    return Outcome(
        result={"policy": str(output), "expires": expires},
        lines=(f"wrote {output}: read it, and demand what your platform needs",),
    )


@command.command("schema", cls=Verb)
def schema() -> Outcome:
    """Print the JSON Schema of policy.toml."""
    import json  # only this command

    document = Policy.json_schema()
    return Outcome(result=document, lines=(json.dumps(document, indent=2),))
