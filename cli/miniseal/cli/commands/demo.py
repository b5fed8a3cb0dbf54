"""`miniseal demo`: a mini-program from source to a host's memory, then what is refused."""

from pathlib import Path

import click

from miniseal.cli.outcome import Outcome, Verb

__all__ = ["command"]


@click.command("demo", cls=Verb, extra="pipeline")
@click.argument("examples", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--into",
    default="demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="A folder of the demo's own; emptied first.",
)
def command(examples: Path, into: Path) -> Outcome:
    """Run the story with the programs in EXAMPLES; every command in it is really run."""
    from miniseal.cli.demo import tell  # needs the extra `pipeline`

    refused = tell(examples.resolve(), into.resolve(), say=lambda text: click.echo(text, err=True))
    return Outcome(
        result={"refused": refused},
        lines=(f"the demo ran as it should: 1 program ran, {len(refused)} attempts were refused",),
    )
