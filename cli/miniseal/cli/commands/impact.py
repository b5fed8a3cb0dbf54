"""`miniseal impact`: what something went into, before it is denied."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from miniseal.cli import access, host
from miniseal.cli.outcome import Outcome, Verb
from miniseal.pipeline.events import short

if TYPE_CHECKING:
    from miniseal.pipeline.impact.found import Found, Impact

__all__ = ["command"]


@click.command("impact", cls=Verb, extra="pipeline")
@click.argument("query", metavar="DIGEST")
@click.argument("references", nargs=-1, metavar="[REFERENCE]...")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A host's state folder; may be given several times.",
)
@click.option(
    "--policy",
    envvar="MINISEAL_POLICY",
    type=click.Path(path_type=Path),
    help="A policy, by whose signers statements are verified [env: MINISEAL_POLICY].",
)
@host.trust_option
@access.options
def command(
    query: str,
    references: tuple[str, ...],
    states: tuple[Path, ...],
    policy: Path | None,
    trust: Path | None,
) -> Outcome:
    """Find the packages that DIGEST went into, and what would deny them.

    DIGEST is of a tool, a toolchain's lock, a base image, a scanner, a vulnerability database, a
    source, a commit or a key, or of the content of a package; or it is a builder's id. A REFERENCE
    without tag and digest stands for every package of the repository.
    """
    from miniseal.pipeline.impact.search import impact  # needs the extra `pipeline`
    from miniseal.pipeline.impact.traces import Query
    from miniseal.pipeline.published import targets

    if not references and not states:
        raise click.UsageError("nowhere to look: give a reference or --state")
    asked = Query.parse(query)
    result = impact(
        asked,
        [target for text in references for target in targets(text, access.open_store)],
        states,
        trusting=host.trusting(policy, trust) if policy else None,
    )
    return _outcome(result, query, result.deny(asked))


def _outcome(result: "Impact", query: str, deny: tuple[dict[str, str], ...]) -> Outcome:
    from miniseal.pipeline.impact.search import SEARCH_INCOMPLETE  # needs the extra `pipeline`

    problems = result.problems
    error = SEARCH_INCOMPLETE(
        f"{len(problems)} places could not be looked at",
        found=f"{problems[0].place}: {problems[0].error}" if problems else None,
    )
    return Outcome(
        result={
            "query": query,
            "found": [each.to_json() for each in result.found],
            "problems": [each.to_json() for each in problems],
            "deny": list(deny),
            "searched": {"packages": result.packages, "programs": result.programs},
        },
        lines=(*_lines(result), *_policy_lines(deny)),
        exit_code=error.exit_code if problems else 0,
        error=error if problems else None,
    )


def _lines(result: "Impact") -> Iterator[str]:
    program = None
    for found in result.found:
        if found.program != program:
            program = found.program
            name = f"{program.app_id} {program.version_name} (code {program.version_code})"
            yield f"{name}  {program.place}"
            yield f"  package    {program.package}"
        yield f"  {found.role:<13} {_said_by(found)}"
    for problem in result.problems:
        yield f"not looked at: {problem.place}: {problem.error}"
    yield (
        f"{len({each.program for each in result.found})} affected of "
        f"{result.packages} packages and {result.programs} installed programs"
    )


def _said_by(found: "Found") -> str:
    if found.bundle is None:
        return found.path or found.program.package
    signers = f" by {', '.join(found.signers)}" if found.signers else ""
    return f"{found.signature}{signers}  {short(found.bundle)}  {found.path}"


def _policy_lines(deny: tuple[dict[str, str], ...]) -> Iterator[str]:
    """What would go into policy.toml; digests and ids need no escaping in TOML."""
    for target in deny:
        for name, value in target.items():
            yield f'\n[[deny]]\n{name} = "{value}"\nreason = "SAY WHY"'
